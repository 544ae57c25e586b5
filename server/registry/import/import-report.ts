import { type ErrorCode, RegistryError } from '../../domain/errors.ts'
import type { CleanupReport } from '../cleanup-report.ts'

/** Something that was not imported. */
export interface SkippedItem {
  readonly what: 'repository' | 'tag' | 'manifest' | 'blob' | 'leftover'
  /** `team/app`, `team/app:1.0`, `team/app@sha256:…`: as the source names it. */
  readonly name: string
  readonly reason: SkipReason
  /** In words. */
  readonly message: string
}

export type SkipReason =
  | 'missing'
  | 'damaged'
  | 'unsupported'
  | 'name'
  | 'tag exists'
  | 'incomplete'
  | 'refused'
  | 'unreadable'
  | 'unfinished'

const reasons: Partial<Record<ErrorCode, SkipReason>> = {
  MANIFEST_UNKNOWN: 'missing',
  BLOB_UNKNOWN: 'missing',
  NAME_UNKNOWN: 'missing',
  DIGEST_INVALID: 'damaged',
  SIZE_INVALID: 'damaged',
  MANIFEST_INVALID: 'unsupported',
  MANIFEST_TOO_LARGE: 'unsupported',
  UNSUPPORTED: 'unsupported',
  NAME_INVALID: 'name',
  TAG_INVALID: 'name',
  CONFLICT: 'tag exists',
  MANIFEST_BLOB_UNKNOWN: 'incomplete',
  DENIED: 'refused',
  QUOTA_EXCEEDED: 'refused',
  UPSTREAM_FAILED: 'unreadable',
}

export const countNames = [
  ...['repositories', 'repositoriesLeftOut', 'tagsLeftOut', 'manifests', 'manifestsThere'],
  ...['tags', 'tagsThere', 'copied', 'linked', 'shared', 'alreadyThere', 'elsewhere'],
  ...['bytesCopied', 'bytesLinked'],
] as const

export type CountName = (typeof countNames)[number]

/** What an import did, and what it did not do and why. */
export class ImportReport {
  readonly skipped: SkippedItem[] = []
  /** Fires when it is called off, or when something fails that all of it needs. */
  readonly signal: AbortSignal
  readonly #report: CleanupReport
  readonly #stop = new AbortController()
  readonly #counts = new Map<CountName, number>()
  readonly #told = new Set<string>()

  constructor(report: CleanupReport) {
    this.#report = report
    this.signal = AbortSignal.any([report.signal, this.#stop.signal])
  }

  /** Somebody does not want it to go on. */
  get isCalledOff(): boolean {
    return this.#report.signal.aborted
  }

  count(what: CountName, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by)
    this.#report.count(what, by)
  }

  counts(): Readonly<Record<CountName, number>> {
    const entries = countNames.map((name) => [name, this.#counts.get(name) ?? 0] as const)
    return Object.fromEntries(entries) as Record<CountName, number>
  }

  /** By reason, how many. */
  reasons(): Readonly<Partial<Record<SkipReason, number>>> {
    const sums: Partial<Record<SkipReason, number>> = {}
    for (const { reason } of this.skipped) sums[reason] = (sums[reason] ?? 0) + 1
    return sums
  }

  /** Told once, however often it happens. */
  note(message: string): void {
    if (this.#told.has(message)) return
    this.#told.add(message)
    this.#report.info(visible(message))
  }

  skip({ what, reason, ...said }: SkippedItem): void {
    const [name, message] = [visible(said.name), visible(said.message)]
    this.skipped.push({ what, name, reason, message })
    this.#report.fault(`Skipped: ${what} ${name}`, new Error(message))
  }

  /** Names what an error is the trouble of; throws it when it is the trouble of all. */
  skipFor(error: unknown, of: Pick<SkippedItem, 'what' | 'name'>): void {
    this.signal.throwIfAborted()
    const reason = error instanceof RegistryError ? reasons[error.code] : undefined
    if (reason === undefined) {
      this.#stop.abort(error)
      throw error
    }
    this.skip({ ...of, reason, message: (error as RegistryError).message })
  }
}

/** What others call things must not steer the terminal on which it is told. */
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd')
}
