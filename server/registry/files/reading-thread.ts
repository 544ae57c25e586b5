import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { ArchiveError, type ArchiveLimits } from '../../domain/archive/limits.ts'
import { RegistryError } from '../../domain/errors.ts'
import {
  type JobKind,
  type Jobs,
  type Order,
  type Report,
  sentPieces,
  takenPieces,
} from './thread-messages.ts'

export interface ThreadLimits extends ArchiveLimits {
  /** Of the thread's heap; what it keeps outside of it has limits of its own. */
  readonly maxHeapMiB: number
  /** How long one job may take before the thread is ended. */
  readonly maxJobMs: number
}

export interface JobOptions<K extends JobKind> {
  readonly input: Jobs[K]['input']
  /** The layer as it is stored. A piece may be used again once the next is asked for. */
  readonly stored?: AsyncIterable<Uint8Array>
  /** Takes what comes out; the next piece waits until it resolves. */
  readonly take?: (piece: Uint8Array) => Promise<void>
  readonly onStoredBytes?: (bytes: number) => void
}

/**
 * A thread that reads what strangers packed. It can be ended at any time, and is whenever a job
 * takes too long, or fails; the next job then has a new one.
 */
export class ReadingThread implements AsyncDisposable {
  readonly #limits: ThreadLimits
  #worker: Worker | undefined

  constructor(limits: ThreadLimits) {
    this.#limits = limits
  }

  /** One at a time. Throws ArchiveError, and whatever `stored` or `take` throws. */
  async run<K extends JobKind>(kind: K, options: JobOptions<K>): Promise<Jobs[K]['output']> {
    this.#worker ??= new Worker(threadModule(), {
      name: 'layer-reader',
      // Nothing of the server's own settings and secrets.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.maxHeapMiB, stackSizeMb: 4 },
    })
    this.#worker.unref()
    const job = new RunningJob(this.#worker, kind, options, this.#limits)
    let isClean = false
    try {
      const output = await job.finished
      isClean = !mayLeaveMemory(output)
      return output
    } finally {
      if (!isClean) await this[Symbol.asyncDispose]()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}

/** zstd keeps its window when it is not asked for all that it could unpack. */
function mayLeaveMemory(output: Jobs[JobKind]['output']): boolean {
  return 'packing' in output && output.packing === 'zstd'
}

/** Built code is run as it is; source goes through a loader. */
function threadModule(): URL {
  const name = import.meta.url.endsWith('.ts') ? 'files-thread-source.mjs' : 'files-thread.js'
  return new URL(name, import.meta.url)
}

class RunningJob<K extends JobKind> {
  readonly finished: Promise<Jobs[K]['output']>
  readonly #options: JobOptions<K>
  readonly #pieces: MessagePort
  readonly #counters = new Int32Array(new SharedArrayBuffer(8))
  readonly #iterator: AsyncIterator<Uint8Array> | undefined
  /** Pieces go in and come out in turn. */
  #feeding: Promise<void> = Promise.resolve()
  #taking: Promise<void> = Promise.resolve()
  #fail: (error: unknown) => void = () => {}

  constructor(worker: Worker, kind: K, options: JobOptions<K>, limits: ThreadLimits) {
    this.#options = options
    this.#iterator = options.stored?.[Symbol.asyncIterator]()
    const { port1, port2 } = new MessageChannel()
    this.#pieces = port1
    this.finished = this.#finish(worker, limits)
    const order: Order<K> = {
      kind,
      input: options.input,
      limits,
      pieces: port2,
      counters: this.#counters,
    }
    worker.postMessage(order, [port2])
  }

  async #finish(worker: Worker, limits: ThreadLimits): Promise<Jobs[K]['output']> {
    const seconds = limits.maxJobMs / 1000
    let timer: NodeJS.Timeout | undefined
    const onExit = () =>
      this.#fail(new RegistryError('UNAVAILABLE', 'The server is shutting down.'))
    const onError = (error: unknown) => this.#fail(translate(error))
    let onReport: (report: Report) => void = () => {}
    try {
      return await new Promise<Jobs[K]['output']>((resolve, reject) => {
        this.#fail = reject
        timer = setTimeout(() => {
          reject(
            new ArchiveError(`It takes more than ${seconds} seconds to read, which is the limit.`),
          )
        }, limits.maxJobMs)
        timer.unref()
        onReport = (report) => this.#take(report, resolve)
        worker.on('message', onReport)
        worker.once('error', onError)
        worker.once('exit', onExit)
      })
    } finally {
      clearTimeout(timer)
      worker.off('message', onReport)
      worker.off('error', onError)
      worker.off('exit', onExit)
      this.#pieces.close()
      await this.#feeding
      await this.#iterator?.return?.()
    }
  }

  #take(report: Report, resolve: (output: Jobs[K]['output']) => void): void {
    switch (report.kind) {
      case 'more':
        this.#feeding = this.#feeding.then(() => this.#feed()).catch(this.#fail)
        return
      case 'piece':
        this.#taking = this.#taking.then(() => this.#hand(report.piece)).catch(this.#fail)
        return
      case 'done':
        void this.#taking.then(() => resolve(report.output as Jobs[K]['output']))
        return
      case 'unreadable':
        this.#fail(new ArchiveError(report.message))
        return
      case 'failed':
        this.#fail(
          new Error(`A thread that reads layers failed: ${report.message}`, {
            cause: report.stack,
          }),
        )
    }
  }

  async #feed(): Promise<void> {
    const next = await this.#iterator?.next()
    // A copy: the store uses its buffers again.
    const piece = next === undefined || next.done ? null : new Uint8Array(next.value)
    this.#options.onStoredBytes?.(piece?.length ?? 0)
    this.#pieces.postMessage(piece, piece === null ? [] : [piece.buffer])
    Atomics.add(this.#counters, sentPieces, 1)
    Atomics.notify(this.#counters, sentPieces)
  }

  async #hand(piece: Uint8Array): Promise<void> {
    await this.#options.take?.(piece)
    Atomics.add(this.#counters, takenPieces, 1)
    Atomics.notify(this.#counters, takenPieces)
  }
}

function translate(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error
  return new ArchiveError('It takes more memory to read than the limit.', { cause: error })
}
