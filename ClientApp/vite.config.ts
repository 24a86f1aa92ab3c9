import { svelte } from '@sveltejs/vite-plugin-svelte'
import { relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { cheapStart } from './build/cheap-start.ts'
import { chunks } from './build/chunks.ts'
import { engines } from './build/engines.ts'
import { fontFormats } from './build/font-formats.ts'
import { licenses } from './build/licenses.ts'
import { precompress } from './build/precompress.ts'
import { sandbox } from './build/sandbox.ts'
import { serviceWorker } from './build/service-worker.ts'
import { themeBoot } from './build/theme-boot.ts'

const api = process.env['AICHAT_API'] ?? 'http://127.0.0.1:8001'

export default defineConfig({
  // Relative, so that the same files work under any BASE_PATH; the server rewrites only <base href>.
  base: './',
  plugins: [
    cheapStart(),
    fontFormats(),
    svelte({
      compilerOptions: {
        // Named after the path inside the project: class names do not depend on where it is checked out.
        cssHash: ({ hash, filename, css }) => `s-${hash(filename ? relative(import.meta.dirname, filename) : css)}`,
      },
    }),
    themeBoot(),
    serviceWorker(),
    sandbox(),
    licenses(),
    precompress(),
  ],
  build: {
    outDir: '../wwwroot',
    emptyOutDir: true,
    target: engines,
    // The CSP has no data: for fonts and scripts, so nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
    rolldownOptions: { output: { codeSplitting: { groups: chunks() } } },
  },
  server: {
    proxy: Object.fromEntries(['/api', '/chat-images', '/v1'].map((path) => [path, { target: api, changeOrigin: false }])),
  },
  // Tests draw components in a DOM, with Svelte's part for browsers.
  ...(process.env['VITEST'] ? { resolve: { conditions: ['browser'] } } : {}),
  test: {
    include: ['tests/unit/**/*.test.ts'],
    environment: 'node',
  },
})
