export { pageForm } from './form.ts';
export { default as FormIds } from './FormIds.svelte';
