import { parentPort, workerData } from 'node:worker_threads'
import { answerCopy, type CopyOrder } from './database-copy.ts'

// The thread of the built server that copies its database.
parentPort?.postMessage(answerCopy(workerData as CopyOrder))
