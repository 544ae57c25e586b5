import { parentPort, workerData } from 'node:worker_threads'
import { answerExamination, type FileExamination } from './database-examination.ts'

// The thread of the built server that looks for damage in its database.
parentPort?.postMessage(answerExamination(workerData as FileExamination))
