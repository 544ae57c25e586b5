import {
  type Expression,
  type ExpressionWrapper,
  expressionBuilder,
  PostgresAdapter,
  sql,
} from 'kysely'
import type { Queries } from './database.ts'
import type { Schema } from './schema.ts'

/**
 * The database's clock in milliseconds, read anew wherever it stands: for values that are written
 * and for conditions of an UPDATE, which may have waited for a lock.
 */
export const nowMs = sql<number>`now_ms()`

/** The same clock, read once a statement: for picks by index (`due < now`), which it lets seek. */
export const nowMsOnce = sql<number>`(select now_ms())`

type Operand = Expression<number> | number

/** The greater of two numbers, neither of them null. */
export function greatest(a: Operand, b: Operand): ExpressionWrapper<Schema, never, number> {
  const eb = expressionBuilder<Schema, never>()
  return eb.fn<number>('greatest', [operand(a), operand(b)])
}

function operand(value: Operand): Expression<number> {
  return typeof value === 'number' ? sql<number>`${value}` : value
}

/** False on SQLite, whose writes hold the whole database: there is nobody to wait for. */
export function hasRowLocks(db: Queries): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter
}

/** Long lists in pieces that fit one `in (…)`: a statement takes a bounded number of parameters. */
export function* chunksOf<T>(values: readonly T[], size = 1000): Generator<readonly T[]> {
  for (let start = 0; start < values.length; start += size) {
    yield values.slice(start, start + size)
  }
}
