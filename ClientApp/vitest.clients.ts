import { defineConfig } from 'vitest/config'

/** The vendors' own clients against the real server; AICHAT_TEST_BINARY names it. */
export default defineConfig({
  test: { include: ['tests/clients/*.test.{ts,mjs}'], environment: 'node', testTimeout: 30_000, hookTimeout: 30_000 },
})
