/** What one row that comes or goes does to sizes: `row` is `new` or `old`, or rows of that name. */
interface Effect {
  readonly name: string
  readonly table: string
  /** The values of a change but for its sign: kind, store, feed, repository, digest, bytes. */
  readonly values: (row: string) => string
  /** Tables that the values come from, and how they are found. */
  readonly from: (row: string) => readonly [tables: string, condition: string]
}

const effects: readonly Effect[] = [
  {
    name: 'link',
    table: 'links',
    values: (row) =>
      `'link', ${row}.store_id, r.feed_id, ${row}.repository_id, ${row}.digest, b.size_bytes`,
    from: (row) => [
      'repositories r, blobs b',
      `r.id = ${row}.repository_id and b.store_id = ${row}.store_id and b.digest = ${row}.digest`,
    ],
  },
  {
    name: 'edge',
    table: 'manifest_blobs',
    values: (row) => `'edge', null, r.feed_id, ${row}.repository_id, null, b.size_bytes`,
    from: (row) => [
      'repositories r, links l, blobs b',
      `r.id = ${row}.repository_id
       and l.repository_id = ${row}.repository_id and l.digest = ${row}.digest
       and b.store_id = l.store_id and b.digest = l.digest`,
    ],
  },
  {
    name: 'manifest',
    table: 'manifests',
    values: (row) => `'manifest', null, r.feed_id, ${row}.repository_id, null, ${row}.size_bytes`,
    from: (row) => ['repositories r', `r.id = ${row}.repository_id`],
  },
  {
    name: 'blob',
    table: 'blobs',
    values: (row) => `'blob', ${row}.store_id, null, null, null, ${row}.size_bytes`,
    from: () => ['', ''],
  },
]

const columns = '(kind, store_id, feed_id, repository_id, digest, bytes, count)'

/** A link moves to another store, or a blob's size is set anew: what was, and what is. */
const changes = [
  { name: 'link', column: 'store_id' },
  { name: 'blob', column: 'size_bytes' },
]

/** `rows`: the table of all rows of a statement, in place of one. */
function appended(effect: Effect, which: 'new' | 'old', rows?: string): string {
  const row = rows === undefined ? which : 'each_row'
  const [tables, condition] = effect.from(row)
  const sources = [rows && `${rows} ${row}`, tables]
    .filter((each) => each !== undefined && each !== '')
    .join(', ')
  return `insert into size_changes ${columns}
    select ${effect.values(row)}, ${which === 'new' ? 1 : -1}
    ${sources === '' ? '' : `from ${sources}`} ${condition === '' ? '' : `where ${condition}`}`
}

export const sqliteSizeTriggers: readonly string[] = [
  ...effects.flatMap((effect) => [
    `create trigger sizes_${effect.name}_added after insert on ${effect.table}
     begin ${appended(effect, 'new')}; end`,
    `create trigger sizes_${effect.name}_removed after delete on ${effect.table}
     begin ${appended(effect, 'old')}; end`,
  ]),
  ...changes.flatMap(({ name, column }) =>
    effects
      .filter((effect) => effect.name === name)
      .map(
        (effect) =>
          `create trigger sizes_${name}_changed after update of ${column} on ${effect.table}
           when old.${column} <> new.${column}
           begin ${appended(effect, 'old')}; ${appended(effect, 'new')}; end`,
      ),
  ),
]

export const postgresSizeTriggers: readonly string[] = [
  ...effects.flatMap((effect) => [
    ...statementTrigger(effect, { event: 'insert', row: 'new', name: 'added' }),
    ...statementTrigger(effect, { event: 'delete', row: 'old', name: 'removed' }),
  ]),
  ...changes.flatMap(({ name, column }) =>
    effects
      .filter((effect) => effect.name === name)
      .flatMap((effect) => [
        `create function sizes_${name}_changed() returns trigger language plpgsql as $$
         begin ${appended(effect, 'old')}; ${appended(effect, 'new')}; return null; end $$`,
        `create trigger sizes_${name}_changed after update of ${column} on ${effect.table}
         for each row when (old.${column} <> new.${column})
         execute function sizes_${name}_changed()`,
      ]),
  ),
]

/** One insert for all rows of a statement. */
function statementTrigger(
  effect: Effect,
  {
    event,
    row,
    name,
  }: { readonly event: string; readonly row: 'new' | 'old'; readonly name: string },
): string[] {
  const trigger = `sizes_${effect.name}_${name}`
  const rows = `${row}_rows`
  return [
    `create function ${trigger}() returns trigger language plpgsql as $$
     begin ${appended(effect, row, rows)}; return null; end $$`,
    `create trigger ${trigger} after ${event} on ${effect.table}
     referencing ${row} table as ${rows} for each statement execute function ${trigger}()`,
  ]
}
