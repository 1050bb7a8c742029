export { default as CustomerPicker } from './CustomerPicker.svelte';
