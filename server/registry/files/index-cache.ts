/** Something that takes so many bytes. */
export interface Kept {
  readonly bytes: number
}

interface Entry<T> {
  readonly value: T
  usedAtMs: number
}

/**
 * What was read of layers, in memory: the most recently used within `maxBytes`, and always the
 * newest, or a page that waits for it would wait for ever. Nothing here is needed: it can be read
 * again, by any process.
 */
export class IndexCache<T extends Kept> implements Disposable {
  readonly #maxBytes: number
  readonly #entries = new Map<string, Entry<T>>()
  readonly #timer: NodeJS.Timeout
  #bytes = 0

  constructor({ maxBytes, idleMs }: { readonly maxBytes: number; readonly idleMs: number }) {
    this.#maxBytes = maxBytes
    this.#timer = setInterval(() => this.#forget(performance.now() - idleMs), idleMs / 4)
    this.#timer.unref()
  }

  get bytes(): number {
    return this.#bytes
  }

  find(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, { ...entry, usedAtMs: performance.now() })
    return entry.value
  }

  keep(key: string, value: T): void {
    this.#delete(key)
    this.#entries.set(key, { value, usedAtMs: performance.now() })
    this.#bytes += value.bytes
    for (const oldest of [...this.#entries.keys()]) {
      if (this.#bytes <= this.#maxBytes || oldest === key) return
      this.#delete(oldest)
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#entries.clear()
    this.#bytes = 0
  }

  /** The oldest come first. */
  #forget(beforeMs: number): void {
    for (const [key, { usedAtMs }] of this.#entries) {
      if (usedAtMs > beforeMs) return
      this.#delete(key)
    }
  }

  #delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.value.bytes ?? 0
    this.#entries.delete(key)
  }
}
