import { parentPort } from 'node:worker_threads'
import { serveJobs } from './thread-loop.ts'

// A thread of the built server that reads layers.
if (parentPort !== null) serveJobs(parentPort)
