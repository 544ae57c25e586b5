import { SqliteConnection } from './sqlite.ts'
import { copySqlite } from './sqlite-copy.ts'
import { type Answer, answer, runInThread } from './sqlite-errand.ts'

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

/** Copies a database while this thread serves. Throws as `copySqlite`. */
export function copyInThread(order: CopyOrder): Promise<DatabaseContent> {
  return runInThread('sqlite-copy', order)
}

/** What the thread does. */
export function answerCopy({ file, target }: CopyOrder): Answer<DatabaseContent> {
  return answer(() => {
    copySqlite(file, target)
    return countContent(target)
  })
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
