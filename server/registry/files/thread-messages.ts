import type { MessagePort } from 'node:worker_threads'
import type { EntryProblem } from '../../domain/archive/entry.ts'
import type { EntryTable } from '../../domain/archive/entry-table.ts'
import type { ImageComparison } from '../../domain/archive/image-comparison.ts'
import type { ImageView } from '../../domain/archive/image-view.ts'
import type { ArchiveLimits } from '../../domain/archive/limits.ts'

export type Packing = 'none' | 'gzip' | 'zstd'

/** What a layer's archive has. */
export interface LayerIndex {
  /** Of `LayerEntry`s, in the archive's order. */
  readonly table: EntryTable
  readonly packing: Packing
  readonly problems: readonly EntryProblem[]
  readonly problemCount: number
}

/** What a thread can be asked for, and what that gives. The stored layer goes in piece by piece. */
export interface Jobs {
  readonly index: { readonly input: { readonly storedBytes: number }; readonly output: LayerIndex }
  readonly view: {
    readonly input: { readonly layers: readonly (EntryTable | null)[] }
    readonly output: ImageView
  }
  readonly compare: {
    readonly input: { readonly before: EntryTable; readonly after: EntryTable }
    readonly output: ImageComparison
  }
  /** A part of the unpacked layer, which comes out piece by piece. */
  readonly read: {
    readonly input: {
      readonly storedBytes: number
      readonly offsetBytes: number
      readonly lengthBytes: number
    }
    readonly output: { readonly packing: Packing }
  }
}

export type JobKind = keyof Jobs

export interface Order<K extends JobKind = JobKind> {
  readonly kind: K
  readonly input: Jobs[K]['input']
  readonly limits: ArchiveLimits
  /** Pieces of the stored layer (Uint8Array), then null. */
  readonly pieces: MessagePort
  /** Counts what was put into `pieces`, and what was taken of what came out. */
  readonly counters: Int32Array
}

/** Where in `counters`. */
export const sentPieces = 0
export const takenPieces = 1
/** Pieces under way at once, either way. */
export const maxPiecesAhead = 2

export type Report =
  | { readonly kind: 'more' }
  | { readonly kind: 'piece'; readonly piece: Uint8Array }
  | { readonly kind: 'done'; readonly output: unknown }
  /** The archive's fault: told to people. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** Ours. */
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string }
