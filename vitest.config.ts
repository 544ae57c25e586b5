import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest looks for the default export.
export default defineConfig({
  test: {
    include: ['server', 'contract', 'web', 'test'].map((room) => `${room}/**/*.test.ts`),
    // Takes minutes and the network: npm run test:image.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env.ENTREPOT_TEST_IMAGE === undefined ? ['test/installing/image.test.ts'] : []),
    ],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'threads',
    isolate: false,
    // Most tests wait for programs and disks: more files at once than there are processors.
    maxWorkers: availableParallelism() + 1,
    // These end what hangs. A busy machine is slow, which is no fault of a test.
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
