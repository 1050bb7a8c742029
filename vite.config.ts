import { fileURLToPath } from 'node:url';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';
import { sourceVersion } from './local/version.ts';
import { demandGuards } from './src/lib/server/route-guards.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));

export default defineConfig(({ command }) => ({
    plugins: [
        tailwindcss(),
        sveltekit(),
        demandGuards(fileURLToPath(new URL('src/routes', import.meta.url)))
    ],
    // What the build is made of, for the security page. The development server changes under its own feet and claims nothing.
    define: {
        __SOURCE__: JSON.stringify(
            command === 'build' ? sourceVersion(folder) : { commit: null, dirty: false }
        )
    },
    server: { port: 3000, strictPort: false },
    build: { assetsInlineLimit: 0 }
}));
