import { setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, RegistryError } from '../../domain/errors.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'
import type { ImportReport } from './import-report.ts'

export interface PatienceOptions {
  readonly host: string
  readonly report: ImportReport
  /** Whether it answers at all. */
  readonly ping: () => Promise<void>
  /** What it is when it does not know something. */
  readonly unknown: ErrorCode
}

/** Failures in a row. */
const maxFailures = 5
/** A registry that limits says when to come back: that may be often. */
const maxWaits = 100
const firstPauseMs = 1000

/** What a registry refuses by itself, in our words. */
const saidCodes: Readonly<Record<string, ErrorCode>> = {
  ...{ DIGEST_INVALID: 'DIGEST_INVALID', MANIFEST_BLOB_UNKNOWN: 'MANIFEST_BLOB_UNKNOWN' },
  ...{ MANIFEST_INVALID: 'MANIFEST_INVALID', NAME_INVALID: 'NAME_INVALID' },
}

/** Asks again while another registry is busy or down for a moment, and says what its answers mean. */
export class Patience {
  readonly #options: PatienceOptions

  constructor(options: PatienceOptions) {
    this.#options = options
  }

  /** Asks once. */
  async once<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      throw await this.#meaningOf(error, this.#options.unknown)
    }
  }

  async run<T>(work: () => Promise<T>, unknown: ErrorCode = this.#options.unknown): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await work()
      } catch (error) {
        await this.rest(error, failures, unknown)
      }
    }
  }

  /** Returns when it is time to ask again, after so many failures in a row; throws what it comes to. */
  async rest(
    error: unknown,
    failures: number,
    unknown: ErrorCode = this.#options.unknown,
  ): Promise<void> {
    const { report, host } = this.#options
    report.signal.throwIfAborted()
    if (!(error instanceof UpstreamError)) throw error
    const isLimited = error.fault === 'limited'
    const isOver = failures >= (isLimited ? maxWaits : maxFailures)
    if (isOver || !(isLimited || error.fault === 'unavailable')) {
      throw await this.#meaningOf(error, unknown)
    }
    const waitMs = error.retryAfterMs ?? firstPauseMs * 2 ** Math.min(failures - 1, 6)
    if (waitMs > 5000) report.note(`${host}: ${error.message} Waiting for ${waitMs / 1000} s.`)
    await sleep(waitMs, undefined, { signal: report.signal })
  }

  async #meaningOf(error: UpstreamError, unknown: ErrorCode): Promise<RegistryError> {
    const options = { cause: error }
    switch (error.fault) {
      case 'unknown':
        return new RegistryError(unknown, error.message, options)
      case 'denied':
        return new RegistryError('DENIED', error.message, options)
      case 'unauthorized':
        return new RegistryError('UNAUTHORIZED', error.message, options)
      case 'limited':
        return new RegistryError('TOOMANYREQUESTS', error.message, options)
      case 'malformed':
        return new RegistryError(
          saidCodes[error.said ?? ''] ?? 'UPSTREAM_FAILED',
          error.message,
          options,
        )
      case 'unavailable': {
        // One broken blob must not end what another one is well for.
        const answers = await this.#options.ping().then(
          () => true,
          () => false,
        )
        return new RegistryError(
          answers ? 'UPSTREAM_FAILED' : 'UNAVAILABLE',
          error.message,
          options,
        )
      }
    }
  }
}
