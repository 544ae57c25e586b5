import { SqliteConnection } from './sqlite.ts'
import { type Answer, answer, runInThread } from './sqlite-errand.ts'

/** What was seen of a database's own health. */
export interface Examination {
  /** `SQLite 3.50.4`. */
  readonly engine: string
  readonly sizeBytes: number
  /** What is damaged, in SQLite's words; a hundred at most. */
  readonly problems: readonly string[]
  /** What is no damage, and could be better. */
  readonly hints: readonly string[]
  /** Whether all of it was read. */
  readonly isWhole: boolean
}

export interface ExaminationOrder {
  /** A larger file is not read: it would take the disk for long. */
  readonly maxBytes: number
  /** Whether each index is compared with its table as well, which takes several times as long. */
  readonly isDeep: boolean
}

export interface FileExamination extends ExaminationOrder {
  readonly file: string
}

/** Reads the file while this thread serves. Throws UNAVAILABLE when it cannot be opened. */
export function examineInThread(order: FileExamination): Promise<Examination> {
  return runInThread('sqlite-examination', order)
}

/** What the thread does. */
export function answerExamination(order: FileExamination): Answer<Examination> {
  return answer(() => examineFile(order))
}

const mostProblems = 100

/** It blocks: not for a thread that serves. */
function examineFile({ file, maxBytes, isDeep }: FileExamination): Examination {
  using connection = new SqliteConnection({ file, mode: 'read', journal: 'any' })
  const read = <R>(sql: string) => connection.query<R>(sql).rows
  const [version] = read<{ version: string }>('select sqlite_version() as version')
  const [journal] = read<{ journal_mode: string }>('pragma journal_mode')
  // With what is in its log only, so far.
  const [size] = read<{ bytes: number }>(
    'select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()',
  )
  const sizeBytes = size?.bytes ?? 0
  const isWhole = sizeBytes <= maxBytes
  const hints =
    journal?.journal_mode === 'wal'
      ? []
      : [`Its journal is ${journal?.journal_mode}, not wal: the next start of a server sets it.`]
  return {
    engine: `SQLite ${version?.version}`,
    ...{ sizeBytes, hints, isWhole },
    problems: isWhole ? findProblems(read, isDeep) : [],
  }
}

function findProblems(read: <R>(sql: string) => R[], isDeep: boolean): string[] {
  const check = isDeep ? 'integrity_check' : 'quick_check'
  const found = read<Record<string, string>>(`pragma ${check}(${mostProblems})`)
    .map((row) => Object.values(row)[0] ?? '')
    .filter((line) => line !== 'ok')
  // In damaged pages there is no telling what refers to what.
  if (found.length > 0) return found
  return read<{ table: string; parent: string; rows: number }>(
    `select "table", parent, count(*) as rows from pragma_foreign_key_check
     group by 1, 2 limit ${mostProblems}`,
  ).map(
    ({ table, parent, rows }) =>
      `${rows} rows of ${table} refer to rows of ${parent} that are gone`,
  )
}
