import { type Expression, type SqlBool, sql } from 'kysely'

/** A page of a list in the order of its key, which is a lower-case name. */
export interface KeyPage {
  /** The last key of the page before; '' for the first. */
  readonly after: string
  readonly count: number
  /** A part of what is looked for, lower case; null: all. */
  readonly search: string | null
}

/** A condition: one of the columns contains the text, letter by letter, in either case. */
export function textSearch(columns: readonly string[], text: string): Expression<SqlBool> {
  // What LIKE would take for a pattern stands for itself.
  const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`
  const conditions = columns.map(
    (column) => sql`lower(${sql.ref(column)}) like ${pattern} escape '\\'`,
  )
  return sql<SqlBool>`(${sql.join(conditions, sql` or `)})`
}
