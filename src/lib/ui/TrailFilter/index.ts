export { default as TrailFilter } from './TrailFilter.svelte';
