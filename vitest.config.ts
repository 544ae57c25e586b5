import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { LongFilesFirst } from './test/support/long-files-first.ts'

// biome-ignore lint/style/noDefaultExport: vitest looks for the default export.
export default defineConfig({
  test: {
    include: ['server', 'contract', 'web', 'test'].map((room) => `${room}/**/*.test.ts`),
    // On demand: it wants gigabytes of disk.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env.ENTREPOT_TEST_LARGE_LAYER_GIB === undefined
        ? ['test/stores/large-layer.test.ts']
        : []),
    ],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'threads',
    isolate: false,
    // Most tests wait for programs and clocks: more files at once than there are processors.
    maxWorkers: availableParallelism() + 3,
    sequence: { sequencer: LongFilesFirst },
    // These end what hangs. A busy machine is slow, which is no fault of a test.
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
