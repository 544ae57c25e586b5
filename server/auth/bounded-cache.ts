export interface BoundedCache<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
}

/**
 * At most so many entries; what was unused for long makes room. Entries are of two generations:
 * what is used counts as young, and when the young fill their half, the old ones go and the young
 * become the old. So a hit costs one look, where a list of all by their last use would be rebuilt
 * with each.
 */
export function createBoundedCache<V>(maxEntries: number): BoundedCache<V> {
  const maxYoung = Math.ceil(maxEntries / 2)
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  const set = (key: string, value: V) => {
    if (young.size >= maxYoung && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, value)
    old.delete(key)
  }
  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const older = old.get(key)
      if (older !== undefined) set(key, older)
      return older
    },
    set,
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
  }
}
