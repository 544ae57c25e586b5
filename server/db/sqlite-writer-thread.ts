import { parentPort, workerData } from 'node:worker_threads'
import type { WriterData } from './sqlite-messages.ts'
import { runWriter } from './sqlite-writer-loop.ts'

// The writer thread of the built server.
if (parentPort !== null) {
  await runWriter({
    ...(workerData as WriterData),
    port: parentPort,
    load: (module) => import(module),
  })
}
