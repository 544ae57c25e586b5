import { type ConnectorSettings, upstreamNames } from '../../domain/connector.ts'
import type { Resolve } from '../../upstream/address-guard.ts'
import type { Budget } from '../../upstream/budget.ts'
import { RegistryClient } from '../../upstream/client.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'
import { FailureLog, type FailureSink } from './failure-log.ts'

export interface UpstreamObserver {
  /** One question that was really sent. */
  observeUpstream(question: {
    readonly connector: string
    readonly operation: string
    /** `ok`, or how it failed (UpstreamFault). */
    readonly outcome: string
    readonly seconds: number
    /** `host[:port]` that was asked. */
    readonly host: string
  }): void
  addUpstreamBytes(connector: string, bytes: number): void
  countThrough(connector: string, result: 'hit' | 'miss'): void
}

export interface UpstreamOptions {
  readonly name: string
  readonly settings: ConnectorSettings
  readonly password: string | null
  readonly now: () => number
  readonly observer: UpstreamObserver
  readonly log: FailureSink
  readonly resolve?: Resolve
}

export interface Question {
  /** `manifest`, `blob`, … */
  readonly operation: string
  readonly repository: string
  /** What is asked for: remembered for a short time when it is not known. */
  readonly item: string
}

/** How long what a registry does not know is not asked for again. */
const unknownMs = 30_000
const maxUnknown = 10_000
const maxNames = 10_000
/** After wrong credentials nothing is asked for so long: registries lock accounts out. */
const circuitMs = 10 * 60_000
/** After a failure, tags that are cached are not checked for so long. */
const restMs = 15_000

/** A connector's registry, with what this process has learnt of it; made anew after a change. */
export class Upstream implements Disposable {
  readonly client: RegistryClient
  readonly #options: UpstreamOptions
  /** By repository and item, until when. */
  readonly #unknown = new Map<string, number>()
  /** Which of its names a repository is known by. */
  readonly #names = new Map<string, string>()
  #closed: { readonly until: number; readonly error: UpstreamError } | undefined
  #restsUntil = 0
  readonly #log: FailureLog
  #budget: Budget | undefined
  #lastError: { readonly at: number; readonly message: string } | undefined

  constructor(options: UpstreamOptions) {
    const { settings, password, now, resolve, log, name } = options
    const { username, caCertificate, allowPrivate, realmHosts } = settings
    this.#options = options
    this.#log = new FailureLog(log, name, now)
    this.client = new RegistryClient({
      ...{ caCertificate, allowPrivate, realmHosts, now },
      url: new URL(settings.url),
      timeoutMs: 1000 * settings.timeoutSeconds,
      credentials: username === null ? null : { username, password: password ?? '' },
      onBudget: (budget) => {
        this.#budget = budget
      },
      ...(resolve && { resolve }),
    })
  }

  get name(): string {
    return this.#options.name
  }

  get freshnessMs(): number {
    return 1000 * this.#options.settings.freshnessSeconds
  }

  get budget(): Budget | null {
    return this.#budget ?? null
  }

  /** What went wrong; null: nothing, or what was asked for since was answered. */
  get lastError(): { readonly at: number; readonly message: string } | null {
    return this.#lastError ?? null
  }

  get observer(): UpstreamObserver {
    return this.#options.observer
  }

  /** False: its filters block the repository, of which nothing is ever asked. */
  allows(repository: string): boolean {
    return upstreamNames(this.#options.settings, repository).length > 0
  }

  /** Whether it failed a moment ago, or takes no more requests: what is cached is good enough then. */
  get isResting(): boolean {
    const { now } = this.#options
    const spent = this.#budget
    const isSpent = spent?.remaining === 0 && now() - spent.at < 15 * 60_000
    return isSpent || now() < this.#restsUntil || now() < (this.#closed?.until ?? 0)
  }

  /** What was not known may be known now: it is asked for again. */
  forgetUnknown(repository: string, item: string): void {
    this.#unknown.delete(keyOf(repository, item))
  }

  /**
   * Asks under each of the repository's names. Undefined: it is not known there, or the caller's
   * credentials are not let in to it. Throws UpstreamError for everything else, without a request
   * while the registry has said that it takes none.
   */
  async ask<T>(
    question: Question,
    work: (client: RegistryClient, name: string) => Promise<T>,
  ): Promise<T | undefined> {
    const { repository, item } = question
    const names = this.#namesOf(repository)
    if (names.length === 0 || this.#isUnknown(keyOf(repository, item))) return undefined
    this.#refuseWhileClosed()
    for (const name of names) {
      const answer = await this.#askOnce(question, () => work(this.client, name))
      if (answer === undefined) continue
      this.#rememberName(repository, name)
      return answer
    }
    this.#rememberUnknown(keyOf(repository, item))
    return undefined
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]()
  }

  async #askOnce<T>({ operation }: Question, work: () => Promise<T>): Promise<T | undefined> {
    const { observer, name } = this.#options
    const startedAt = performance.now()
    const observe = (outcome: string) => {
      const seconds = (performance.now() - startedAt) / 1000
      const { host } = this.client
      observer.observeUpstream({ connector: name, operation, outcome, seconds, host })
    }
    try {
      const answer = await work()
      observe('ok')
      this.#noteAnswer()
      return answer
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      observe(error.fault)
      if (error.fault === 'unknown') {
        this.#noteAnswer()
        return undefined
      }
      this.noteFailure(error)
      if (error.fault === 'denied') return undefined
      throw error
    }
  }

  #noteAnswer(): void {
    this.#restsUntil = 0
    this.#lastError = undefined
    this.#log.answered()
  }

  /** It has not answered for a while, and may yet. */
  noteSlowness(): void {
    this.#restsUntil = this.#options.now() + restMs
  }

  noteFailure(error: UpstreamError): void {
    const at = this.#options.now()
    this.#lastError = { at, message: error.message }
    // Many say so of what is not there: that is a client's mistake.
    if (error.fault !== 'denied') this.#log.failed(error)
    if (error.fault === 'unauthorized') this.#closed = { until: at + circuitMs, error }
    if (error.fault === 'limited') {
      this.#closed = { until: at + (error.retryAfterMs ?? 60_000), error }
    }
    if (error.fault === 'unavailable') this.#restsUntil = at + restMs
  }

  #refuseWhileClosed(): void {
    const closed = this.#closed
    const leftMs = (closed?.until ?? 0) - this.#options.now()
    if (closed === undefined || leftMs <= 0) return
    const { fault, message } = closed.error
    const retryAfterMs = fault === 'limited' ? leftMs : null
    throw new UpstreamError(fault, message, { retryAfterMs, step: closed.error.step })
  }

  #namesOf(repository: string): string[] {
    const names = upstreamNames(this.#options.settings, repository)
    const known = this.#names.get(repository)
    return known === undefined ? names : [known, ...names.filter((name) => name !== known)]
  }

  #rememberName(repository: string, name: string): void {
    if (name === repository) return
    dropOldest(this.#names, maxNames)
    this.#names.set(repository, name)
  }

  #isUnknown(key: string): boolean {
    const until = this.#unknown.get(key)
    if (until === undefined) return false
    if (until > this.#options.now()) return true
    this.#unknown.delete(key)
    return false
  }

  #rememberUnknown(key: string): void {
    dropOldest(this.#unknown, maxUnknown)
    const ms = Math.min(unknownMs, this.freshnessMs)
    if (ms > 0) this.#unknown.set(key, this.#options.now() + ms)
  }
}

function keyOf(repository: string, item: string): string {
  return `${repository} ${item}`
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  const [oldest] = map.keys()
  if (map.size >= max && oldest !== undefined) map.delete(oldest)
}
