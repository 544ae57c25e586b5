import { createHash } from 'node:crypto'
import type { Random } from '../support/random.ts'
import { sha256 } from '../support/registry-client.ts'

/** Layers that any client may use, made again from the seed whenever they are needed. */
export interface LayerPool {
  /** The digest of an old layer, a recent one that others may be pushing now, or a new one. */
  readonly pick: (random: Random) => string
  readonly contentOf: (digest: string) => Buffer
}

const recent = 4

export function makeLayerPool(seed: number): LayerPool {
  const digests: string[] = []
  const numbers = new Map<string, number>()

  function addLayer(): string {
    const number = digests.length
    const digest = sha256(makeContent(seed, number))
    digests.push(digest)
    numbers.set(digest, number)
    return digest
  }

  return {
    pick: (random) => {
      if (digests.length < recent || random.chance(0.3)) return addLayer()
      return random.pick(random.chance(0.5) ? digests.slice(-recent) : digests)
    },
    contentOf: (digest) => {
      const number = numbers.get(digest)
      if (number === undefined) throw new Error(`no layer ${digest}`)
      return makeContent(seed, number)
    },
  }
}

/** Most are small; one in sixteen is large enough to be written in several pieces. */
function makeContent(seed: number, number: number): Buffer {
  const name = createHash('sha256').update(`${seed}/${number}`).digest()
  const size =
    number % 16 === 0 ? 300_000 + name.readUInt16LE(0) * 16 : 100 + name.readUInt16LE(2) / 4
  return createHash('shake256', { outputLength: Math.floor(size) })
    .update(name)
    .digest()
}
