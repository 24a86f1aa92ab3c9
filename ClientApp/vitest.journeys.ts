import { defineConfig } from 'vitest/config'

/** Whole journeys through the built page in a real browser (ENGINE: chromium, firefox, webkit); `npm run build` first. */
export default defineConfig({
  test: {
    include: ['tests/journeys/**/*.test.ts'],
    // It drives a browser of its own, so once is enough.
    exclude: (process.env['ENGINE'] ?? 'chromium') === 'chromium' ? [] : ['tests/journeys/floor.test.ts'],
    environment: 'node',
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    isolate: false, // one process and one browser for all files
    expect: { poll: { timeout: 20_000 } },
  },
})
