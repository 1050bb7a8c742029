import { fileURLToPath } from 'node:url';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';
import { demandGuards } from './src/lib/server/route-guards.ts';

export default defineConfig({
    plugins: [
        tailwindcss(),
        sveltekit(),
        demandGuards(fileURLToPath(new URL('src/routes', import.meta.url)))
    ],
    server: { port: 3000, strictPort: false },
    build: { assetsInlineLimit: 0 }
});
