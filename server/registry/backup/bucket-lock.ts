import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bucket } from '../../blobs/bucket.ts'
import { RegistryError } from '../../domain/errors.ts'
import { parseJson } from './backup-files.ts'
import { readObject } from './bucket-keys.ts'

export interface LockTimes {
  /** A lock that has not changed for so long is nobody's. */
  readonly leaseMs: number
  /** How often it is changed. */
  readonly beatMs: number
  /** How often it is looked at by who waits for it; and how long one who took it waits for rivals. */
  readonly lookMs: number
}

/** A request that is tried again may take 165 seconds (retries.ts): no holder is lost by one. */
export const usualLockTimes: LockTimes = { leaseMs: 240_000, beatMs: 10_000, lookMs: 1000 }

/** What of the lease a holder leaves to others: it gives up before they take over. */
const marginOfLease = 0.1

export interface LockPlace {
  readonly bucket: Bucket
  readonly key: string
  /** For messages. */
  readonly name: string
}

export interface LockTaking {
  /** What another run of this holder has left is taken over at once: it is known to have ended. */
  readonly holder: string
  /** What is being waited for, for people. */
  readonly tell: (words: string) => void
}

/**
 * Takes a lock that is an object, by its content alone: services need neither conditional writes nor
 * clocks that agree. Undefined: somebody is seen to keep it alive. Whoever is silent for the lease has
 * lost it, and finds that out before anything is removed or finished.
 */
export async function takeBucketLock(
  place: LockPlace,
  { holder, tell }: LockTaking,
  times: LockTimes = usualLockTimes,
): Promise<BucketLock | undefined> {
  const seen = await readLock(place)
  if (seen !== undefined && seen.holder !== holder) {
    tell(
      `Somebody has the lock of ${place.name}: whoever holds it shows that it is alive within ${times.leaseMs / 1000} seconds.`,
    )
    if (!(await isAbandoned(place, seen, times))) return undefined
  }
  const lock = new BucketLock(place, { holder, leaseMs: times.leaseMs })
  await lock.put()
  // Two who found it free at once: the one that wrote last has it.
  await sleep(times.lookMs)
  if (lock.lost.aborted || !(await lock.isOurs())) return undefined
  lock.keepAlive(times.beatMs)
  return lock
}

async function isAbandoned(place: LockPlace, seen: LockContent, times: LockTimes) {
  const until = performance.now() + times.leaseMs
  while (performance.now() < until) {
    await sleep(times.lookMs)
    const now = await readLock(place)
    if (now === undefined) return true
    if (now.text !== seen.text) return false
  }
  return true
}

interface LockContent {
  readonly text: string
  readonly holder: unknown
  readonly run: unknown
}

async function readLock({ bucket, key }: LockPlace): Promise<LockContent | undefined> {
  const text = (await readObject(bucket, key))?.toString('utf8')
  if (text === undefined) return undefined
  const { holder, run } = (parseJson(text) ?? {}) as { holder?: unknown; run?: unknown }
  return { text, holder, run }
}

export class BucketLock implements AsyncDisposable {
  readonly #place: LockPlace
  readonly #holder: string
  readonly #longestSilenceMs: number
  readonly #run = randomUUID()
  readonly #losing = new AbortController()
  readonly #over = new AbortController()
  #beat = 0
  /** When the last put was begun that came through. */
  #confirmed: Moment | undefined
  #beating: Promise<void> | undefined

  constructor(
    place: LockPlace,
    { holder, leaseMs }: { readonly holder: string; readonly leaseMs: number },
  ) {
    this.#place = place
    this.#holder = holder
    this.#longestSilenceMs = leaseMs * (1 - marginOfLease)
  }

  get lost(): AbortSignal {
    return this.#losing.signal
  }

  /** One that comes late may be in the place of a successor's: then it is held no more. */
  async put(): Promise<void> {
    const start = momentNow()
    this.#beat += 1
    const content = { kind: 'entrepot backup lock', holder: this.#holder, run: this.#run }
    const text = `${JSON.stringify({ ...content, beat: this.#beat })}\n`
    await this.#place.bucket.put(this.#place.key, Buffer.from(text))
    this.#confirmed ??= start
    this.#loseWhenSilent()
    this.#confirmed = start
  }

  async isOurs(): Promise<boolean> {
    return (await readLock(this.#place))?.run === this.#run
  }

  keepAlive(beatMs: number): void {
    this.#beating = this.#beatUntilOver(beatMs)
  }

  /** Throws UNAVAILABLE once somebody else has it, or may have it, or while that cannot be found out. */
  async requireHeld(): Promise<void> {
    try {
      if (!this.lost.aborted && !(await this.isOurs())) this.#losing.abort(lostLock(this.#place))
    } finally {
      this.#loseWhenSilent()
    }
    if (this.lost.aborted) throw this.lost.reason
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await this.#beating
    const isOurs = await this.isOurs().catch(() => false)
    // One that stays is nobody's after the lease, and this holder's at once.
    if (isOurs) await this.#place.bucket.delete([this.#place.key]).catch(() => undefined)
  }

  #loseWhenSilent(): void {
    if (this.#confirmed === undefined || msSince(this.#confirmed) < this.#longestSilenceMs) return
    this.#losing.abort(silentLock(this.#place))
  }

  async #beatUntilOver(beatMs: number): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted && !this.lost.aborted) {
      await sleep(beatMs, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      try {
        await this.requireHeld()
        await this.put()
      } catch {
        // A service that cannot be reached for a while is asked again.
      }
    }
  }
}

/** By two clocks: one stands still while the machine sleeps, the other one can be set. */
interface Moment {
  readonly steadyMs: number
  readonly wallMs: number
}

function momentNow(): Moment {
  return { steadyMs: performance.now(), wallMs: Date.now() }
}

function msSince({ steadyMs, wallMs }: Moment): number {
  return Math.max(performance.now() - steadyMs, Date.now() - wallMs)
}

function silentLock({ name }: LockPlace): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `Nothing was heard of this run at ${name} for so long that another backup or restore may have taken over. Run it again: what it has copied is not copied again.`,
  )
}

function lostLock({ name }: LockPlace): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `Another backup or restore has taken over ${name}, for nothing was heard of this one. Run it again: what it has copied is not copied again.`,
  )
}
