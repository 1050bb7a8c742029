export { default as Record } from './Record.svelte';
