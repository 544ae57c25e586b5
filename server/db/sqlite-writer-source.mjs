// The writer thread when the server runs from its TypeScript source.
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { importFromSource } from '../from-source.mjs'

const { runWriter, writes } = await importFromSource(`
  import { runWriter } from './db/sqlite-writer-loop.ts'
  import { writes } from ${JSON.stringify(fileURLToPath(workerData.writesModule))}
  export { runWriter, writes }
`)
await runWriter({ ...workerData, port: parentPort, load: async () => ({ writes }) })
