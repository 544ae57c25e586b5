import { useState } from 'react'

/** Rows that are chosen, on this page of a list and on others, in the order of choosing. */
export interface Selection<Row> {
  readonly rows: readonly Row[]
  has(row: Row): boolean
  toggle(row: Row): void
  /** Chooses all of these, or none if all of them are. */
  toggleAll(rows: readonly Row[]): void
  clear(): void
}

/** At most `max`: what is toggled beyond that stays out. */
export function useSelection<Row>(keyOf: (row: Row) => string, max: number): Selection<Row> {
  const [chosen, setChosen] = useState<ReadonlyMap<string, Row>>(new Map())
  const has = (row: Row) => chosen.has(keyOf(row))
  const put = (rows: readonly Row[], wanted: boolean) => {
    const next = new Map(chosen)
    for (const row of rows) {
      if (!wanted) next.delete(keyOf(row))
      else if (next.size < max) next.set(keyOf(row), row)
    }
    setChosen(next)
  }
  return {
    rows: [...chosen.values()],
    has,
    toggle: (row) => put([row], !has(row)),
    toggleAll: (rows) => put(rows, !rows.every(has)),
    clear: () => setChosen(new Map()),
  }
}
