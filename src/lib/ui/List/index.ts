export { default as Filters } from './Filters.svelte';
export { default as List } from './List.svelte';
export { default as Row } from './Row.svelte';
export { default as Search } from './Search.svelte';
