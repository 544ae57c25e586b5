import { createBoundedCache } from './bounded-cache.ts'

export interface RecentOptions<K, V> {
  readonly load: (key: K) => Promise<V | undefined>
  readonly maxAgeMs: number
  readonly maxEntries: number
  /** A clock that never goes back. */
  readonly monotonicMs: () => number
}

/**
 * What `load` says, at most `maxAgeMs` old, counted from the moment the load began. Callers that
 * come while it runs share it. What is not there, and a failure, is asked for again.
 */
export function createRecent<K extends string | number, V>(
  options: RecentOptions<K, V>,
): (key: K) => Promise<V | undefined> {
  const { load, maxAgeMs, monotonicMs } = options
  const cache = createBoundedCache<{ readonly at: number; readonly value: Promise<V | undefined> }>(
    options.maxEntries,
  )
  return (key) => {
    const id = String(key)
    const now = monotonicMs()
    const known = cache.get(id)
    if (known !== undefined && now - known.at < maxAgeMs) return known.value
    const entry = { at: now, value: load(key) }
    cache.set(id, entry)
    const forget = () => {
      if (cache.get(id) === entry) cache.delete(id)
    }
    entry.value.then((value) => {
      if (value === undefined) forget()
    }, forget)
    return entry.value
  }
}
