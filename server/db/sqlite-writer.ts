import { Worker } from 'node:worker_threads'
import { RegistryError } from '../domain/errors.ts'
import type { DatabaseLog } from './database.ts'
import { threadModule } from './sqlite-errand.ts'
import {
  type Answer,
  compact,
  type Order,
  type Report,
  unpackError,
  type WriterData,
} from './sqlite-messages.ts'

export interface SqliteWriterOptions {
  readonly file: string
  readonly writesModule: string
  readonly log: DatabaseLog
}

/**
 * Starts the thread that does all writing to an SQLite file, and waits until it has opened it.
 * Throws what the opening threw.
 */
export async function openSqliteWriter(options: SqliteWriterOptions): Promise<SqliteWriter> {
  const { file, writesModule, log } = options
  const worker = new Worker(threadModule('sqlite-writer'), {
    name: 'sqlite-writer',
    workerData: { file, writesModule } satisfies WriterData,
  })
  const writer = new SqliteWriter(worker, log)
  await writer.started
  return writer
}

interface Pending {
  resolve(output: unknown): void
  reject(error: Error): void
}

/** The calling thread's end of the writer thread. */
export class SqliteWriter implements AsyncDisposable {
  /** Resolves when the thread has opened the file. */
  readonly started: Promise<void>
  readonly #worker: Worker
  readonly #log: DatabaseLog
  readonly #pending = new Map<number, Pending>()
  readonly #exited: Promise<void>
  #start: Pending = { resolve: () => {}, reject: () => {} }
  #lastId = 0
  #isClosing = false
  /** Why nothing can be written any more. */
  #death: RegistryError | undefined

  constructor(worker: Worker, log: DatabaseLog) {
    this.#worker = worker
    this.#log = log
    this.started = new Promise((resolve, reject) => {
      this.#start = { resolve: () => resolve(), reject }
    })
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    worker.on('message', (report: Report) => this.#take(report))
    worker.on('messageerror', (error) => this.#die(error))
    worker.on('error', (error) => this.#die(error))
    worker.on('exit', () => this.#die(undefined))
  }

  /** Runs a listed write; resolves with its output once it is durable. */
  write(name: string, input: unknown): Promise<unknown> {
    return this.#send((id) => ({ kind: 'write', id, name, input: compact(input) }))
  }

  /** Resolves once the writer could hold the file for writing. */
  async ping(): Promise<void> {
    await this.#send((id) => ({ kind: 'ping', id }))
  }

  /** Takes no more; resolves when all that was taken is answered. */
  async drain(): Promise<void> {
    const last = this.ping()
    this.#isClosing = true
    await last.catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain()
    this.#worker.postMessage({ kind: 'close' } satisfies Order)
    await this.#exited
  }

  #send(order: (id: number) => Order): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#death !== undefined || this.#isClosing) {
        reject(this.#death ?? new RegistryError('UNAVAILABLE', 'The server is shutting down.'))
        return
      }
      this.#lastId += 1
      // An input that is no plain data throws here, which rejects.
      this.#worker.postMessage(order(this.#lastId))
      this.#pending.set(this.#lastId, { resolve, reject })
    })
  }

  #take(report: Report): void {
    switch (report.kind) {
      case 'ready':
        this.#start.resolve(undefined)
        return
      case 'failed':
        this.#isClosing = true
        this.#start.reject(unpackError(report.error))
        return
      case 'answers':
        for (const answer of report.answers) {
          this.#settle(answer)
        }
    }
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (answer.ok) {
      pending?.resolve(answer.output)
    } else {
      pending?.reject(unpackError(answer.error))
    }
  }

  /** Whether what was pending has been committed is not known: it must be looked up or repeated. */
  #die(cause: unknown): void {
    if (this.#death !== undefined) {
      return
    }
    this.#death = new RegistryError(
      'UNAVAILABLE',
      'The database takes no writes any more: its writer thread has ended. Restart the server.',
      { cause },
    )
    if (!this.#isClosing || this.#pending.size > 0) {
      this.#log.warn({ err: cause }, this.#death.message)
    }
    this.#start.reject(this.#death)
    for (const { reject } of this.#pending.values()) {
      reject(this.#death)
    }
    this.#pending.clear()
  }
}
