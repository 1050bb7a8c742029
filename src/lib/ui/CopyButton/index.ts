export { default as CopyButton } from './CopyButton.svelte';
