// The thread that copies the database, when the server runs from its TypeScript source.
import { parentPort, workerData } from 'node:worker_threads'
import { importFromSource } from '../from-source.mjs'

const { answerCopy } = await importFromSource(`export { answerCopy } from './db/database-copy.ts'`)
parentPort.postMessage(answerCopy(workerData))
