// The same when the server runs from its TypeScript source (see db/sqlite-writer-source.mjs).
import { createRequire } from 'node:module'
import { parentPort } from 'node:worker_threads'
import { register } from 'tsx/cjs/api'

register()
const require = createRequire(import.meta.url)
const { serveJobs } = require('./thread-loop.ts')
serveJobs(parentPort)
