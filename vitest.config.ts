import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** These go on at random for a fixed time, however little they get done in it. */
const timed = [
  'test/cleanup/cleanup.test.ts',
  'test/crash/kills.test.ts',
  'test/hostile/hostile.test.ts',
  'test/interleavings/interleavings.test.ts',
  'test/stores/faulty-stores.test.ts',
]

// biome-ignore lint/style/noDefaultExport: vitest looks for the default export.
export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'threads',
    isolate: false,
    // These end what hangs. A busy machine is slow, which is no fault of a test.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['server', 'contract', 'web', 'test'].map((room) => `${room}/**/*.test.ts`),
          exclude: timed,
          sequence: { groupOrder: 1 },
          // Most tests wait for programs and disks: more files at once than there are processors.
          maxWorkers: availableParallelism() + 1,
        },
      },
      {
        extends: true,
        test: {
          name: 'timed',
          include: timed,
          sequence: { groupOrder: 2 },
          // Together they take as long as the longest.
          maxWorkers: timed.length,
        },
      },
    ],
  },
})
