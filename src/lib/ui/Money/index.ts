export { default as Money } from './Money.svelte';
