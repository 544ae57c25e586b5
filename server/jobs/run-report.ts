import type { RunNews } from '../db/job-claims.ts'
import type { NewLogLine } from '../db/job-log.ts'
import type { RunRecord } from '../db/job-runs.ts'
import type { CleanupReport } from '../registry/cleanup-report.ts'

/** A log is for people: what goes beyond is counted, and only faults are still written. */
const mostLines = 100_000
const mostFaultLines = 101_000
const longestMessage = 1000

/** What a run tells, kept until the next heartbeat writes it down. */
export class RunReport implements CleanupReport {
  readonly signal: AbortSignal
  #lines: NewLogLine[] = []
  #written = 0
  #errors: number
  #progress: string | null
  #resume: string | null
  readonly #counts: Map<string, number>

  /** A run that was taken over goes on counting. */
  constructor(run: RunRecord, signal: AbortSignal) {
    this.signal = signal
    this.#counts = new Map(Object.entries(JSON.parse(run.counts) as Record<string, number>))
    this.#errors = run.errorCount
    this.#progress = run.progress
    this.#resume = run.resume
  }

  /** Where an earlier process left off; null: nowhere. */
  get resume(): string | null {
    return this.#resume
  }

  /** From here on a process that takes over goes on. */
  checkpoint(where: string): void {
    this.#resume = where
  }

  info(message: string): void {
    if (this.#written < mostLines) this.#add('info', message)
    else if (this.#written === mostLines)
      this.#add('info', 'More lines are not kept: the counts go on')
  }

  fault(message: string, error: unknown): void {
    this.#errors += 1
    const reason = error instanceof Error ? error.message : String(error)
    if (this.#written < mostFaultLines) this.#add('error', `${message}: ${reason}`)
  }

  count(what: string, by: number): void {
    if (by !== 0) this.#counts.set(what, (this.#counts.get(what) ?? 0) + by)
  }

  progress(words: string): void {
    this.#progress = words
  }

  /** What is to be written, once. */
  takeNews(): RunNews {
    const lines = this.#lines
    this.#lines = []
    return {
      progress: this.#progress,
      counts: Object.fromEntries(this.#counts),
      resume: this.#resume,
      errorCount: this.#errors,
      lines,
    }
  }

  /** They could not be written: with the next ones, then. */
  putBack(lines: readonly NewLogLine[]): void {
    this.#lines = [...lines, ...this.#lines]
  }

  #add(level: NewLogLine['level'], message: string): void {
    this.#written += 1
    this.#lines.push({ at: Date.now(), level, message: message.slice(0, longestMessage) })
  }
}
