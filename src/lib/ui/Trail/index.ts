export { default as Trail } from './Trail.svelte';
