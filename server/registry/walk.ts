import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Key } from '../db/keyset.ts'

/** A list that is sorted by key, of which only some rows are wanted. */
export interface Walked<Row> {
  /** Null: from the beginning. */
  readonly after: Key | null
  readonly count: number
  /** The key so many rows further; undefined: the list ends before. */
  ahead(after: Key | null): Promise<Key | undefined>
  /** Wanted rows after `after`, up to `end` (null: to the end of the list), at most `limit`. */
  rows(after: Key | null, end: Key | null, limit: number): Promise<readonly Row[]>
  keyOf(row: Row): Key
  /** How often `ahead` is asked before the page is given out as it is. */
  readonly maxSteps: number
}

/** `next` is where the list goes on; null: it has ended. */
export interface Found<Row> {
  readonly items: readonly Row[]
  readonly next: Key | null
}

/**
 * A page of the wanted rows, in steps that each look at a bounded number of rows, so that nothing
 * else waits for long. What is rare may leave a page short, or empty, with `next` behind all that
 * was looked at.
 */
export async function walk<Row>(list: Walked<Row>): Promise<Found<Row>> {
  const { count, keyOf } = list
  const found: Row[] = []
  let { after } = list
  for (let step = 0; step < list.maxSteps; step += 1) {
    const end = (await list.ahead(after)) ?? null
    found.push(...(await list.rows(after, end, count + 1 - found.length)))
    if (found.length > count) break
    if (end === null) return { items: found, next: null }
    after = end
    await nextTurn()
  }
  if (found.length <= count) return { items: found, next: after }
  const items = found.slice(0, count)
  const last = items.at(-1)
  return { items, next: last === undefined ? null : keyOf(last) }
}

/** A page of a list of which every row is wanted. */
export async function takePage<Row>(
  list: Pick<Walked<Row>, 'after' | 'count' | 'rows' | 'keyOf'>,
): Promise<Found<Row>> {
  const { after, count, keyOf } = list
  const found = await list.rows(after, null, count + 1)
  const items = found.slice(0, count)
  const last = items.at(-1)
  return { items, next: found.length > count && last !== undefined ? keyOf(last) : null }
}

/** A key in an address: of a name alone, or of a number and a name. */
export function formatKey({ value, name }: Key): string {
  return typeof value === 'number' ? `${value}~${name}` : name
}

/** Undefined: it is none. */
export function parseNumberedKey(text: string): Key | undefined {
  const [, value, name] = /^(\d{1,15})~(.*)$/.exec(text) ?? []
  return value === undefined || name === undefined ? undefined : { value: Number(value), name }
}
