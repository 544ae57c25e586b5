import { archiveLimits } from '../../domain/archive/limits.ts'
import type { QueueLimits } from './work-queue.ts'

/** How much is done for those who look into images, at most. */
export interface FileLimits extends QueueLimits {
  /** Layers of one image. */
  readonly maxLayers: number
  /** What is kept in memory of what was read. */
  readonly maxKeptBytes: number
  readonly maxKeptIdleMs: number
  /** How long a request waits before it answers how far the work is. */
  readonly patienceMs: number
  /** Of a text that is shown. */
  readonly maxTextBytes: number
  /** Downloads at once, of everybody and of one caller. */
  readonly maxDownloads: number
  readonly maxDownloadsOfCaller: number
  /** How long a client may take nothing of a download. */
  readonly maxStalledMs: number
}

const mib = 1024 * 1024

export const fileLimits: FileLimits = {
  ...archiveLimits,
  maxHeapMiB: 768,
  maxJobMs: 180_000,
  maxThreads: 2,
  maxWaiting: 64,
  maxWaitingOfCaller: 16,
  maxLayers: 500,
  maxKeptBytes: 256 * mib,
  maxKeptIdleMs: 15 * 60_000,
  patienceMs: 1000,
  maxTextBytes: mib / 2,
  maxDownloads: 4,
  maxDownloadsOfCaller: 2,
  maxStalledMs: 30_000,
}
