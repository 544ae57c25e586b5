import { RegistryError } from '../../domain/errors.ts'
import { ReadingThread, type ThreadLimits } from './reading-thread.ts'

export interface QueueLimits extends ThreadLimits {
  /** Threads that read at once. */
  readonly maxThreads: number
  /** What waits for one, of everybody and of one caller. */
  readonly maxWaiting: number
  readonly maxWaitingOfCaller: number
}

/** What can be seen of work while it lasts. */
export interface Work<T> {
  readonly done: Promise<T>
  readonly totalBytes: number
  doneBytes: number
}

export interface NewWork<T> {
  /** Who asks for the same shares it. */
  readonly key: string
  readonly caller: string
  readonly totalBytes: number
  run(thread: ReadingThread, addBytes: (bytes: number) => void): Promise<T>
}

interface Waiting {
  readonly key: string
  readonly caller: string
  start(thread: ReadingThread): void
}

const restMs = 10_000

/** Reads so many things at once, the rest in turn. Work goes on when nobody waits for it any more. */
export class WorkQueue implements AsyncDisposable {
  readonly #limits: QueueLimits
  readonly #works = new Map<string, Work<unknown>>()
  readonly #waiting: Waiting[] = []
  readonly #idle: ReadingThread[]
  readonly #threads: readonly ReadingThread[]
  #isClosed = false

  constructor(limits: QueueLimits) {
    this.#limits = limits
    this.#threads = Array.from({ length: limits.maxThreads }, () => new ReadingThread(limits))
    this.#idle = [...this.#threads]
  }

  /** How many come first; 0: it is under way. */
  placeOf(key: string): number {
    return this.#waiting.findIndex((each) => each.key === key) + 1
  }

  /** Throws TOOMANYREQUESTS when too much waits already. */
  start<T>(work: NewWork<T>): Work<T> {
    const known = this.#works.get(work.key)
    // The key says what comes of it.
    if (known !== undefined) return known as Work<T>
    if (this.#idle.length === 0) this.#checkRoom(work.caller)
    const begun: Work<T> = {
      totalBytes: work.totalBytes,
      doneBytes: 0,
      done: this.#run(work, (bytes) => {
        begun.doneBytes += bytes
      }),
    }
    this.#works.set(work.key, begun)
    // Whoever asks next is told: a failure is no failure of this process.
    begun.done.catch(() => {}).finally(() => this.#works.delete(work.key))
    return begun
  }

  async #run<T>(work: NewWork<T>, addBytes: (bytes: number) => void): Promise<T> {
    const thread = this.#idle.pop() ?? (await this.#wait(work))
    try {
      if (this.#isClosed) throw new RegistryError('UNAVAILABLE', 'The server is shutting down.')
      return await work.run(thread, addBytes)
    } finally {
      const next = this.#waiting.shift()
      if (next) next.start(thread)
      else this.#rest(thread)
    }
  }

  /** A thread takes some megabytes, and some time to start: it is kept for a while. */
  #rest(thread: ReadingThread): void {
    this.#idle.push(thread)
    const timer = setTimeout(() => {
      if (this.#idle.includes(thread)) void thread[Symbol.asyncDispose]()
    }, restMs)
    timer.unref()
  }

  #wait({ key, caller }: Pick<Waiting, 'key' | 'caller'>): Promise<ReadingThread> {
    return new Promise((resolve) => {
      this.#waiting.push({ key, caller, start: resolve })
    })
  }

  #checkRoom(caller: string): void {
    const { maxWaiting, maxWaitingOfCaller } = this.#limits
    const own = this.#waiting.filter((each) => each.caller === caller).length
    if (this.#waiting.length < maxWaiting && own < maxWaitingOfCaller) return
    throw new RegistryError(
      'TOOMANYREQUESTS',
      `The layers of ${this.#waiting.length} images wait to be read, ${own} of them for you: try again when some are done.`,
      { headers: { 'retry-after': '10' } },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()))
    await Promise.allSettled([...this.#works.values()].map(({ done }) => done))
  }
}
