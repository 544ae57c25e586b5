/** A repeatable source of chance: the same seed gives the same numbers. */
export interface Random {
  /** At least 0, less than 1. */
  readonly next: () => number
  /** A whole number from `low` to `high`, both included. */
  readonly between: (low: number, high: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <T>(items: readonly T[]) => T
  readonly bytes: (count: number) => Buffer
}

/** Mulberry32: good enough to choose, no good for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const nextWord = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return (word ^ (word >>> 14)) >>> 0
  }
  const next = () => nextWord() / 2 ** 32
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[between(0, items.length - 1)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    bytes: (count) => {
      const bytes = Buffer.alloc(count)
      for (let at = 0; at < count; at++) bytes[at] = nextWord() & 0xff
      return bytes
    },
  }
}
