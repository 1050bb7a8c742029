export { default as PlainFrame } from './PlainFrame.svelte';
export { default as Mark } from './Mark.svelte';
