import { ArchiveError } from '../../domain/archive/limits.ts'
import type { Digest } from '../../domain/digest.ts'
import { cannotRead, type Outcome } from './answers.ts'
import { IndexCache } from './index-cache.ts'

/** Under which something is kept, and what that is. */
export type Key<T> = string & { readonly of?: T }

/** What is kept beside tables and texts, roughly. */
const overheadBytes = 4096

export interface Made<T> {
  readonly value: T
  readonly bytes: number
}

/** What came of reading layers, kept for a while: also that they cannot be read. */
export class Outcomes implements Disposable {
  readonly #cache: IndexCache<{ readonly bytes: number; readonly outcome: unknown }>

  constructor(limits: { readonly maxBytes: number; readonly idleMs: number }) {
    this.#cache = new IndexCache(limits)
  }

  find<T extends object>(key: Key<T>): Outcome<T> | undefined {
    // The key says what was kept under it.
    return this.#cache.find(key)?.outcome as Outcome<T> | undefined
  }

  /** What the archive itself is to blame for is an outcome too: it will not get better. */
  async make<T extends object>(
    key: Key<T>,
    layer: Digest | null,
    make: () => Promise<Made<T>>,
  ): Promise<Outcome<T>> {
    try {
      const { value, bytes } = await make()
      return this.#keep(key, { ...value, state: 'ready' }, bytes)
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error
      return this.#keep(key, cannotRead(layer, error.message), 0)
    }
  }

  [Symbol.dispose](): void {
    this.#cache[Symbol.dispose]()
  }

  #keep<T extends object>(key: Key<T>, outcome: Outcome<T>, bytes: number): Outcome<T> {
    this.#cache.keep(key, { outcome, bytes: bytes + overheadBytes })
    return outcome
  }
}
