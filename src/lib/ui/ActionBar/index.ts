export { default as ActionBar } from './ActionBar.svelte';
