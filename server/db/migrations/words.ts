/** What the two databases say differently in the definition of a table. */
export interface Words {
  readonly before: readonly string[]
  /** A primary key that the database counts; a number is never used twice. */
  readonly id: string
  readonly integer: string
  readonly text: string
  readonly bytes: string
  /** After the columns. */
  readonly table: string
  /** The same for a table of small rows that is kept in the order of its key. */
  readonly keyed: string
}

const sqliteWords: Words = {
  before: [],
  id: 'integer primary key autoincrement',
  integer: 'integer',
  text: 'text',
  bytes: 'blob',
  table: 'strict',
  keyed: 'strict, without rowid',
}

const postgresWords: Words = {
  // On SQLite every connection brings its own now_ms().
  before: [
    `create function now_ms() returns bigint language sql volatile parallel safe
     as 'select floor(extract(epoch from clock_timestamp()) * 1000)::bigint'`,
  ],
  id: 'bigint generated always as identity primary key',
  integer: 'bigint',
  text: 'text collate "C"',
  bytes: 'bytea',
  table: '',
  keyed: '',
}

export function wordsOf(dialect: 'sqlite' | 'postgres'): Words {
  return dialect === 'sqlite' ? sqliteWords : postgresWords
}
