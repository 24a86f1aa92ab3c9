import { defineConfig } from 'vitest/config'

const chromium = (process.env['ENGINE'] ?? 'chromium') === 'chromium'

/** What engines do in ways of their own: with JOURNEYS=core the other two go through these alone. */
const core = [
  'chat', 'comeback', 'composer', 'copying', 'diagrams', 'layers', 'list', 'long', 'offline', 'overlays', 'remember', 'turned', 'wizard',
]

/**
 * Whole journeys through the built page in a real browser (ENGINE: chromium, firefox, webkit; JOURNEYS: all, core); `npm run build`
 * first.
 */
export default defineConfig({
  test: {
    include: !chromium && process.env['JOURNEYS'] === 'core'
      ? core.map((name) => `tests/journeys/${name}.test.ts`)
      : ['tests/journeys/**/*.test.ts'],
    // It drives a browser of its own, so once is enough.
    exclude: chromium ? [] : ['tests/journeys/floor.test.ts'],
    environment: 'node',
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    isolate: false, // one process and one browser for all files
    expect: { poll: { timeout: 20_000 } },
  },
})
