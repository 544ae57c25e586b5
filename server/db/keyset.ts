import { type Expression, type SqlBool, sql } from 'kysely'

/** Where a row stands in a list that is sorted by one column, and by its name where that is equal. */
export interface Key {
  readonly value: string | number
  readonly name: string
}

/** A piece of such a list: after one key, up to another and with that; null: from or to its end. */
export interface Span {
  readonly after: Key | null
  readonly end: Key | null
  readonly desc: boolean
}

/** The condition that a row is in the span. */
export function inSpan(
  columns: { readonly value: string; readonly name: string },
  { after, end, desc }: Span,
): Expression<SqlBool> {
  const row = sql`(${sql.ref(columns.value)}, ${sql.ref(columns.name)})`
  const [beyond, upTo] = desc ? [sql`<`, sql`>=`] : [sql`>`, sql`<=`]
  const conditions = [
    after === null ? sql`1 = 1` : sql`${row} ${beyond} (${after.value}, ${after.name})`,
    end === null ? sql`1 = 1` : sql`${row} ${upTo} (${end.value}, ${end.name})`,
  ]
  return sql<SqlBool>`${sql.join(conditions, sql` and `)}`
}
