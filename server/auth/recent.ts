import { createBoundedCache } from './bounded-cache.ts'

export interface RecentOptions<K, V> {
  readonly load: (key: K) => Promise<V | undefined>
  readonly maxAgeMs: number
  readonly maxEntries: number
  /** A clock that never goes back. */
  readonly monotonicMs: () => number
}

/** `fresh`: what `load` says from now on. */
export type Recent<K, V> = (key: K, freshness?: 'fresh') => MaybePromise<V | undefined>

/**
 * What `load` says, at most `maxAgeMs` old, counted from the moment the load began. Callers that
 * come while it runs share it, later ones need not wait. What is not there, and a failure, is asked
 * for again.
 */
export function createRecent<K extends string | number, V>(
  options: RecentOptions<K, V>,
): Recent<K, V> {
  const { load, maxAgeMs, monotonicMs } = options
  const cache = createBoundedCache<Entry<V>>(options.maxEntries)
  const reload = (key: K) => {
    const id = String(key)
    const value = load(key)
    const entry: Entry<V> = { at: monotonicMs(), value }
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
  return (key, freshness) => {
    const known = freshness === 'fresh' ? undefined : cache.get(String(key))
    const isRecent = known !== undefined && monotonicMs() - known.at < maxAgeMs
    return isRecent ? known.value : reload(key)
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
