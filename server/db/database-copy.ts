import { Worker } from 'node:worker_threads'
import { SqliteConnection } from './sqlite.ts'
import { copySqlite } from './sqlite-copy.ts'
import { type PlainError, packError, unpackError } from './sqlite-messages.ts'

/** What a database has. */
export interface DatabaseContent {
  readonly feeds: number
  /** Manifests, those of indexes and signatures too. */
  readonly images: number
  readonly tags: number
  readonly blobs: number
  /** Of these blobs, each counted once a store. */
  readonly bytes: number
}

export interface CopyOrder {
  readonly file: string
  readonly target: string
}

export type CopyAnswer =
  | { readonly ok: true; readonly content: DatabaseContent }
  | { readonly ok: false; readonly error: PlainError }

/** Copies a database while this thread serves. Throws as `copySqlite`. */
export function copyInThread(order: CopyOrder): Promise<DatabaseContent> {
  const worker = new Worker(threadModule(), { name: 'sqlite-copy', workerData: order })
  return new Promise((resolve, reject) => {
    worker.on('message', (answer: CopyAnswer) => {
      if (answer.ok) resolve(answer.content)
      else reject(unpackError(answer.error))
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error('The thread that copies the database has ended.')))
  })
}

/** Built code is run as it is; source goes through a loader. */
function threadModule(): URL {
  const name = import.meta.url.endsWith('.ts') ? 'sqlite-copy-source.mjs' : 'sqlite-copy-thread.js'
  return new URL(name, import.meta.url)
}

/** What the thread does. */
export function answerCopy({ file, target }: CopyOrder): CopyAnswer {
  try {
    copySqlite(file, target)
    return { ok: true, content: countContent(target) }
  } catch (error) {
    return { ok: false, error: packError(error) }
  }
}

/** Reads whole tables: not for a thread that serves. */
export function countContent(file: string): DatabaseContent {
  using copy = new SqliteConnection({ file, mode: 'read', journal: 'any' })
  const [counts] = copy.query<DatabaseContent>(`select
    (select count(*) from feed_names where alternate = 0) as feeds,
    (select count(*) from manifests) as images,
    (select count(*) from tags) as tags,
    (select count(*) from blobs) as blobs,
    (select coalesce(sum(size_bytes), 0) from blobs) as bytes`).rows
  if (counts === undefined) throw new Error('a count without a row')
  return counts
}
