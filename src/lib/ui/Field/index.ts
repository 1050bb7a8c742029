export { default as MoneyField } from './MoneyField.svelte';
export { default as SelectField } from './SelectField.svelte';
export { default as PasswordField } from './PasswordField.svelte';
export { default as TextArea } from './TextArea.svelte';
export { default as TextField } from './TextField.svelte';
