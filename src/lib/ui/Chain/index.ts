export { default as Chain } from './Chain.svelte';
