/** How the rows of a table stand together, and which groups somebody has closed. */
export interface RowGroups<Row> {
  /** The group's name; null: in none. */
  readonly of: (row: Row) => string | null
  readonly closed: readonly string[]
  readonly toggle: (group: string) => void
}

/** A line of a table: a row, or the heading of the rows below it. */
export type Line<Row> =
  | { readonly row: Row }
  | { readonly group: string; readonly count: number; readonly isClosed: boolean }

/** What the rows that are in no group stand below. */
export const noGroup = ''

/** Groups by name, the rest last. Without any group there are no headings. */
export function linesOf<Row>(
  rows: readonly Row[],
  groups: Pick<RowGroups<Row>, 'of' | 'closed'> | undefined,
): readonly Line<Row>[] {
  if (groups === undefined || rows.every((row) => groups.of(row) === null)) {
    return rows.map((row) => ({ row }))
  }
  const found = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.of(row) ?? noGroup
    found.set(group, [...(found.get(group) ?? []), row])
  }
  return [...found]
    .sort(([a], [b]) => (a === noGroup ? 1 : b === noGroup ? -1 : a.localeCompare(b)))
    .flatMap(([group, own]) => {
      const isClosed = groups.closed.includes(group)
      const heading = { group, isClosed, count: own.length }
      return [heading, ...(isClosed ? [] : own.map((row) => ({ row })))]
    })
}
