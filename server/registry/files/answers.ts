import type { Digest } from '../../domain/digest.ts'

/** It lasts: ask again. */
export interface StillReading {
  readonly state: 'indexing'
  /** Of the layers as they are stored. */
  readonly doneBytes: number
  readonly totalBytes: number
  /** How many others come first. */
  readonly waiting: number
}

/** It cannot be read, and why. */
export interface CannotRead {
  readonly state: 'unreadable'
  /** Null: it is not about one layer. */
  readonly layer: Digest | null
  readonly message: string
}

export type Ready<T> = T & { readonly state: 'ready' }
export type Outcome<T> = Ready<T> | CannotRead
export type Answer<T> = Outcome<T> | StillReading

export function cannotRead(layer: Digest | null, message: string): CannotRead {
  return { state: 'unreadable', layer, message }
}

export function missingLayer(layer: Digest): CannotRead {
  return cannotRead(layer, 'It is missing or damaged: push the image again to mend it.')
}
