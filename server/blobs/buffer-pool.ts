/** Limits of a pool, in buffers. */
export interface PoolLimits {
  /** Large buffers in use at once; who asks for more works with small ones. */
  readonly maxLarge: number
  /** Buffers of each size that are kept for the next user. */
  readonly maxKept: number
}

export const largeBytes = 1024 * 1024
export const smallBytes = 64 * 1024

/** Lends buffers of 1 MiB and 64 KiB. Memory stays bounded: when large ones run out, nobody waits. */
export class BufferPool {
  readonly #limits: PoolLimits
  readonly #large: Buffer[] = []
  readonly #small: Buffer[] = []
  #lentLarge = 0

  constructor(limits: PoolLimits) {
    this.#limits = limits
  }

  /** How many large buffers are lent now. */
  get lentLarge(): number {
    return this.#lentLarge
  }

  takeSmall(): Buffer {
    return this.#small.pop() ?? Buffer.allocUnsafeSlow(smallBytes)
  }

  /** Undefined when too many are lent. */
  takeLarge(): Buffer | undefined {
    if (this.#lentLarge >= this.#limits.maxLarge) {
      return undefined
    }
    this.#lentLarge += 1
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(largeBytes)
  }

  /** Takes back a buffer that was lent; exactly once. */
  give(buffer: Buffer): void {
    const isLarge = buffer.length === largeBytes
    if (isLarge) {
      this.#lentLarge -= 1
    }
    const kept = isLarge ? this.#large : this.#small
    if (kept.length < this.#limits.maxKept) {
      kept.push(buffer)
    }
  }
}
