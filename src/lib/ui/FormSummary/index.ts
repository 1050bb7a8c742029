export { default as FormSummary } from './FormSummary.svelte';
