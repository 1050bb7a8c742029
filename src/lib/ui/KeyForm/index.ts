export { default as KeyForm } from './KeyForm.svelte';
export { questionAt } from './question.ts';
