// The writer thread when the server runs from its TypeScript source. It loads it as CommonJS: the
// loader for modules takes more than twice as long, at every start.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { register } from 'tsx/cjs/api'

register()
const require = createRequire(import.meta.url)
const { runWriter } = require('./sqlite-writer-loop.ts')
await runWriter({
  ...workerData,
  port: parentPort,
  load: async (module) => require(fileURLToPath(module)),
})
