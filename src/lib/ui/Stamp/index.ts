export { default as Stamp, type StampState } from './Stamp.svelte';
