import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest looks for the default export.
export default defineConfig({
  test: {
    include: ['server', 'contract', 'web', 'test'].map((room) => `${room}/**/*.test.ts`),
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'threads',
    isolate: false,
    // Most tests wait for programs and disks: two files at once are good even for two processors.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
