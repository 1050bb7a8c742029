export { default as PhotoGrid } from './PhotoGrid.svelte';
export { default as PhotoUploader } from './PhotoUploader.svelte';
