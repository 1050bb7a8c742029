export { default as LifecycleStrip } from './LifecycleStrip.svelte';
