// The thread that looks for damage in the database, when the server runs from its TypeScript source.
import { parentPort, workerData } from 'node:worker_threads'
import { importFromSource } from '../from-source.mjs'

const { answerExamination } = await importFromSource(
  `export { answerExamination } from './db/database-examination.ts'`,
)
parentPort.postMessage(answerExamination(workerData))
