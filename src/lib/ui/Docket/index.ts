export { default as Docket } from './Docket.svelte';
export { default as Lines } from './Lines.svelte';
export { default as Totals } from './Totals.svelte';
