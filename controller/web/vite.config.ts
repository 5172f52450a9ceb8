import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

import { licences } from './licences.ts'

// Two pages, one package. What comes out is committed in `dist`, so the same sources must give the same bytes.
export default defineConfig({
  plugins: [svelte(), licences()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rolldownOptions: { input: { board: 'index.html', demo: 'demo.html' } },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7878', '/sweep.v1': 'http://127.0.0.1:7878' } },
})
