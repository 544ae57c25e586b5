import type { Random } from '../support/random.ts'
import type { Step } from './disk-model.ts'
import type { Losses } from './disk-node.ts'

interface Change {
  readonly apply: (before: Buffer) => Buffer
  isDone: boolean
}

const pageBytes = 4096

/** A file's bytes: those that are on the disk, and changes that may be. Buffers never change. */
export class FileNode {
  readonly kind = 'file'
  #durable: Buffer
  #changes: Change[] = []

  constructor(durable: Buffer = Buffer.alloc(0)) {
    this.#durable = durable
  }

  /** What a program reads. */
  get now(): Buffer {
    const done = this.#changes.filter((change) => change.isDone)
    return done.reduce((bytes, change) => change.apply(bytes), this.#durable)
  }

  /** `bytes` are copied: their buffer is used again. */
  write(bytes: Uint8Array, offset: number): Step {
    const copy = Buffer.from(bytes)
    return this.#begin((before) => {
      const after = Buffer.alloc(Math.max(before.byteLength, offset + copy.byteLength))
      before.copy(after)
      copy.copy(after, offset)
      return after
    })
  }

  truncate(length: number): Step {
    return this.#begin((before) => {
      const after = Buffer.alloc(length)
      before.copy(after)
      return after
    })
  }

  /** The fsync of the file: covers what was done before it began. */
  sync(): Step {
    const covered = this.#changes.filter((change) => change.isDone)
    return {
      end: () => {
        const left = covered.filter((change) => this.#changes.includes(change))
        this.#durable = left.reduce((bytes, change) => change.apply(bytes), this.#durable)
        this.#changes = this.#changes.filter((change) => !left.includes(change))
      },
      fail: () => undefined,
    }
  }

  /** All of the last changes, none, or some of their pages under one of the sizes there were. */
  afterCut(random: Random, losses: Losses): Buffer {
    if (this.#changes.length === 0) return this.#durable
    const states = [this.#durable]
    for (const change of this.#changes) states.push(change.apply(states.at(-1) ?? this.#durable))
    const fate = random.between(1, 4)
    if (fate === 1) {
      losses.changes += this.#changes.length
      return this.#durable
    }
    if (fate === 2) return states.at(-1) ?? this.#durable
    losses.torn += 1
    return torn(states, random)
  }

  #begin(apply: Change['apply']): Step {
    const change: Change = { apply, isDone: false }
    this.#changes.push(change)
    return {
      end: () => {
        change.isDone = true
      },
      fail: () => {
        this.#changes = this.#changes.filter((other) => other !== change)
      },
    }
  }
}

/** Each page as it was at some time; one that was never written holds zeros, or old dirt. */
function torn(states: readonly Buffer[], random: Random): Buffer {
  const { byteLength } = random.pick(states)
  const dirt = random.chance(0.5) ? 0 : random.between(1, 255)
  const bytes = Buffer.alloc(byteLength, dirt)
  for (let at = 0; at < byteLength; at += pageBytes) {
    random
      .pick(states)
      .subarray(at, at + pageBytes)
      .copy(bytes, at)
  }
  return bytes
}
