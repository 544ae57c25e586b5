// A thread that reads layers, when the server runs from its TypeScript source.
import { parentPort } from 'node:worker_threads'
import { importFromSource } from '../../from-source.mjs'

const { serveJobs } = await importFromSource(
  `export { serveJobs } from './registry/files/thread-loop.ts'`,
)
serveJobs(parentPort)
