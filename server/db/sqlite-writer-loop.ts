import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import type { Schema } from './schema.ts'
import { lend, SqliteConnection } from './sqlite.ts'
import { kyselyOn } from './sqlite-dialect.ts'
import {
  type Answer,
  compact,
  type Order,
  packError,
  type Report,
  type WriterData,
} from './sqlite-messages.ts'
import type { Write } from './writes.ts'

// What the writer thread does: whatever waits is run as savepoints of one transaction, so that all
// its callers share one fsync, and is answered after its COMMIT.
const maxGroup = 64

type Job = Exclude<Order, { kind: 'close' }>
type Writes = Readonly<Record<string, Write>>

class Writer {
  readonly #connection: SqliteConnection
  readonly #writes: Writes
  readonly #port: MessagePort
  #waiting: Job[] = []
  #isRunning = false
  #isClosing = false

  constructor(connection: SqliteConnection, writes: Writes, port: MessagePort) {
    this.#connection = connection
    this.#writes = writes
    this.#port = port
  }

  /** Runs this order and all that come meanwhile. */
  async take(order: Order): Promise<void> {
    this.#enqueue(order)
    if (this.#isRunning) {
      return
    }
    this.#isRunning = true
    for (;;) {
      this.#receive()
      const jobs = this.#waiting.splice(0, maxGroup)
      if (jobs.length === 0) {
        break
      }
      this.#answer(await this.#runGroup(jobs))
    }
    this.#isRunning = false
    if (this.#isClosing) {
      this.#close()
    }
  }

  #close(): void {
    // Closing alone would leave the log: prepared statements keep a connection until collected.
    try {
      this.#connection.exec('pragma busy_timeout = 1000; pragma wal_checkpoint(truncate)')
    } finally {
      this.#connection[Symbol.dispose]()
      this.#port.close()
    }
  }

  #enqueue(order: Order): void {
    if (order.kind === 'close') {
      this.#isClosing = true
    } else {
      this.#waiting.push(order)
    }
  }

  #receive(): void {
    while (this.#waiting.length < maxGroup) {
      const received = receiveMessageOnPort(this.#port)
      if (received === undefined) {
        return
      }
      this.#enqueue(received.message)
    }
  }

  async #runGroup(jobs: readonly Job[]): Promise<Answer[]> {
    const answers: Answer[] = []
    try {
      this.#connection.exec('begin immediate')
      for (const job of jobs) {
        answers.push(await this.#runOne(job))
      }
      this.#connection.exec('commit')
      return answers
    } catch (error) {
      this.#rollBackAll()
      const lost = packError(lostWith(error))
      return jobs.map(({ id }) => ({ id, ok: false, error: lost }))
    }
  }

  /** Throws when the whole group is lost; what the write itself throws is its answer. */
  async #runOne(job: Job): Promise<Answer> {
    if (job.kind === 'ping') {
      return { id: job.id, ok: true, output: null }
    }
    this.#connection.exec('savepoint write')
    try {
      const output = await this.#call(job.name, job.input)
      this.#connection.exec('release write')
      return { id: job.id, ok: true, output: compact(output) }
    } catch (error) {
      // After a full disk or an I/O error SQLite may have rolled back everything by itself.
      if (!this.#connection.raw.isTransaction) {
        throw error
      }
      this.#connection.exec('rollback to write; release write')
      return { id: job.id, ok: false, error: packError(error) }
    }
  }

  async #call(name: string, input: unknown): Promise<unknown> {
    const write = this.#writes[name]
    if (write === undefined) {
      throw new Error(`The writer thread knows no write "${name}".`)
    }
    using loan = lend(this.#connection)
    return await write(kyselyOn<Schema>(loan), input as never)
  }

  #rollBackAll(): void {
    if (this.#connection.raw.isTransaction) {
      this.#connection.exec('rollback')
    }
  }

  #answer(answers: readonly Answer[]): void {
    try {
      report(this.#port, { kind: 'answers', answers })
    } catch {
      for (const answer of answers) {
        this.#answerAlone(answer)
      }
    }
  }

  #answerAlone(answer: Answer): void {
    try {
      report(this.#port, { kind: 'answers', answers: [answer] })
    } catch (error) {
      report(this.#port, {
        kind: 'answers',
        answers: [{ id: answer.id, ok: false, error: packError(error) }],
      })
    }
  }
}

/** What the other writes of a lost group are told: not somebody else's refusal. */
function lostWith(error: unknown): RegistryError {
  if (isRefusal(error, 'STORAGE_FULL') || isRefusal(error, 'UNAVAILABLE')) {
    return error
  }
  return new RegistryError('UNAVAILABLE', 'The database undid a group of writes; try again.', {
    cause: error,
  })
}

export interface WriterThread extends WriterData {
  readonly port: MessagePort
  /** Imports a module by its address. */
  load(module: string): Promise<unknown>
}

/** Opens the file and serves orders until told to close. A failed start is reported. */
export async function runWriter({ port, file, writesModule, load }: WriterThread): Promise<void> {
  try {
    const { writes } = (await load(writesModule)) as { writes: Writes }
    const writer = new Writer(new SqliteConnection({ file, mode: 'write' }), writes, port)
    port.on('message', (order: Order) => {
      // An error that escapes ends the thread, which fails what is pending.
      void writer.take(order)
    })
    report(port, { kind: 'ready' })
  } catch (error) {
    report(port, { kind: 'failed', error: packError(error) })
    port.close()
  }
}

function report(port: MessagePort, message: Report): void {
  port.postMessage(message)
}
