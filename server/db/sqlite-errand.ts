import { Worker } from 'node:worker_threads'
import { type PlainError, packError, unpackError } from './sqlite-messages.ts'

/** What a thread answers that is started for one thing. */
export type Answer<T> =
  | { readonly ok: true; readonly output: T }
  | { readonly ok: false; readonly error: PlainError }

/** Has a thread do it while this one serves. Throws what that threw. */
export function runInThread<T>(name: string, order: object): Promise<T> {
  const worker = new Worker(threadModule(name), { name, workerData: order })
  return new Promise((resolve, reject) => {
    worker.on('message', (answer: Answer<T>) => {
      if (answer.ok) resolve(answer.output)
      else reject(unpackError(answer.error))
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error(`The thread ${name} has ended.`)))
  })
}

/** Built code is run as it is; source goes through a loader. */
export function threadModule(name: string): URL {
  const end = import.meta.url.endsWith('.ts') ? 'source.mjs' : 'thread.js'
  return new URL(`${name}-${end}`, import.meta.url)
}

/** What the thread does. */
export function answer<T>(work: () => T): Answer<T> {
  try {
    return { ok: true, output: work() }
  } catch (error) {
    return { ok: false, error: packError(error) }
  }
}
