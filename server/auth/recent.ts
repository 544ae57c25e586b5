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
 * come while it runs share it, later ones need not wait. What is not there, and a failure, is asked
 * for again.
 */
export function createRecent<K extends string | number, V>(
  options: RecentOptions<K, V>,
): (key: K) => V | undefined | Promise<V | undefined> {
  const { load, maxAgeMs, monotonicMs } = options
  const cache = createBoundedCache<Entry<V>>(options.maxEntries)
  return (key) => {
    const id = String(key)
    const now = monotonicMs()
    const known = cache.get(id)
    if (known !== undefined && now - known.at < maxAgeMs) return known.value
    const value = load(key)
    const entry: Entry<V> = { at: now, value }
    cache.set(id, entry)
    const forget = () => {
      if (cache.get(id) === entry) cache.delete(id)
    }
    value.then((loaded) => {
      if (loaded === undefined) forget()
      entry.value = loaded
    }, forget)
    return value
  }
}

interface Entry<V> {
  readonly at: number
  /** A promise while it loads. */
  value: V | undefined | Promise<V | undefined>
}

export type MaybePromise<T> = T | Promise<T>

/** What `use` makes of a value; at once, if it is there. */
export function chain<V, R>(
  value: MaybePromise<V>,
  use: (value: V) => MaybePromise<R>,
): MaybePromise<R> {
  return value instanceof Promise ? value.then(use) : use(value)
}
