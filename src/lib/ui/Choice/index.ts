export { default as CheckField } from './CheckField.svelte';
export { default as ChoiceCards } from './ChoiceCards.svelte';
