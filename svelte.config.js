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
                // The framework's route announcer hides itself by a style attribute: exactly that one may stand.
                'style-src-attr': ['unsafe-hashes', 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='],
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
