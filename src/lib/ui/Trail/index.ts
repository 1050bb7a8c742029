export { default as Trail } from './Trail.svelte';
export type { Entry } from './entry.ts';
