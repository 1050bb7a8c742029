export { default as StandInNotice } from './StandInNotice.svelte';
