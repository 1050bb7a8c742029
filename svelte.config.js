import adapter from '@sveltejs/adapter-node';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** @type {import('@sveltejs/kit').Config} */
export default {
    preprocess: vitePreprocess(),
    compilerOptions: { runes: true },
    kit: {
        adapter: adapter({ out: 'build' }),
        csp: {
            mode: 'auto',
            directives: {
                'default-src': ['none'],
                'script-src': ['self'],
                'style-src': ['self'],
                'img-src': ['self', 'data:', 'blob:'],
                'font-src': ['self'],
                'connect-src': ['self'],
                'manifest-src': ['self'],
                'form-action': ['self'],
                'base-uri': ['none'],
                'frame-ancestors': ['none']
            }
        },
        env: { dir: '.' }
    }
};
