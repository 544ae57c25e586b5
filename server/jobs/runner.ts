import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import { beatRun, claimRun, endRun, releaseRun } from '../db/job-claims.ts'
import type { RunRecord } from '../db/job-runs.ts'
import { isRefusal } from '../domain/errors.ts'
import { type JobName, mostAttempts } from './job-kind.ts'
import { RunReport } from './run-report.ts'

/** Does the work of a run; to be repeated by whoever takes it over. */
export type JobWork = (run: RunRecord, report: RunReport) => Promise<void>

/** What the server's log is told. */
export interface JobLog {
  info(facts: object, message: string): void
  error(facts: object, message: string): void
}

export interface RunnerDeps {
  readonly db: Db
  readonly log: JobLog
  readonly work: Readonly<Record<JobName, JobWork>>
  /** A process that is not heard of for so long has lost its runs. */
  readonly leaseMs: number
  readonly beatMs: number
}

/** Runs what was asked for: in this process one of each kind at a time, of one job one anywhere. */
export class JobRunner implements AsyncDisposable {
  readonly #deps: RunnerDeps
  readonly #owner = randomUUID()
  readonly #running = new Map<string, Promise<void>>()
  readonly #stopping = new AbortController()
  #claiming: Promise<void> = Promise.resolve()

  constructor(deps: RunnerDeps) {
    this.#deps = deps
  }

  /** Begins whatever waits and may run here now. */
  wake(): Promise<void> {
    this.#claiming = this.#claiming.then(() => this.#claimAll())
    return this.#claiming
  }

  /** Lets go of what runs: another process, or this one after its restart, goes on with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#claiming
    await Promise.all(this.#running.values())
  }

  async #claimAll(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const run = await this.#claim()
      if (run === undefined) return
      const work = this.#run(run).catch((err: unknown) => {
        this.#deps.log.error({ err, run: run.id, job: run.kind }, 'A run of a job was lost')
      })
      const ended = work.finally(() => {
        this.#running.delete(run.kind)
        void this.wake()
      })
      this.#running.set(run.kind, ended)
    }
  }

  async #claim(): Promise<RunRecord | undefined> {
    const { db, log, leaseMs } = this.#deps
    const busyKinds = [...this.#running.keys()]
    try {
      return await db.write(claimRun, { owner: this.#owner, leaseMs, busyKinds })
    } catch (err) {
      // Another process has begun one of the same job at the same moment.
      if (!isRefusal(err, 'CONFLICT')) log.error({ err }, 'Jobs could not be looked for')
      return undefined
    }
  }

  async #run(run: RunRecord): Promise<void> {
    const { log } = this.#deps
    const facts = { job: run.kind, feed: run.feedName, run: run.id }
    log.info(facts, 'A job begins')
    const lost = new AbortController()
    const cancelled = new AbortController()
    const signals = [lost.signal, cancelled.signal, this.#stopping.signal]
    const report = new RunReport(run, AbortSignal.any(signals))
    const over = new AbortController()
    const beating = this.#beat(run, report, { lost, cancelled, over: over.signal })
    if (run.attempts > 1) report.info('Goes on: the process that ran it has stopped')
    const error = await this.#work(run, report, cancelled)
    over.abort()
    await beating
    if (lost.signal.aborted) return
    await this.#end(run, report, { error, isCancelled: cancelled.signal.aborted })
  }

  /** What went wrong; undefined: nothing. */
  async #work(run: RunRecord, report: RunReport, cancelled: AbortController): Promise<unknown> {
    if (run.cancelling === 1) {
      cancelled.abort()
      return undefined
    }
    if (run.attempts > mostAttempts) {
      return new Error(`It was begun ${mostAttempts} times and never ended: its process stopped`)
    }
    try {
      // A kind of a newer version, which another process knows.
      const work = this.#deps.work[run.kind as JobName] as JobWork | undefined
      if (work === undefined) throw new Error(`This version knows no job ${run.kind}`)
      await work(run, report)
      return undefined
    } catch (error) {
      return error ?? new Error('It failed')
    }
  }

  async #beat(
    run: RunRecord,
    report: RunReport,
    ends: {
      readonly lost: AbortController
      readonly cancelled: AbortController
      readonly over: AbortSignal
    },
  ): Promise<void> {
    const { db, leaseMs, beatMs, log } = this.#deps
    while (!ends.over.aborted) {
      await sleep(beatMs, undefined, { signal: ends.over }).catch(() => {})
      if (ends.over.aborted) return
      const news = report.takeNews()
      const holder = { id: run.id, owner: this.#owner, leaseMs, news }
      try {
        const { held, cancelling } = await db.write(beatRun, holder)
        if (!held) ends.lost.abort()
        if (cancelling) ends.cancelled.abort()
      } catch (err) {
        report.putBack(news.lines)
        log.error({ err, run: run.id }, 'The progress of a job could not be written down yet')
      }
    }
  }

  async #end(
    run: RunRecord,
    report: RunReport,
    { error, isCancelled }: { readonly error: unknown; readonly isCancelled: boolean },
  ): Promise<void> {
    const { db, log } = this.#deps
    const holder = { id: run.id, owner: this.#owner }
    const facts = { job: run.kind, feed: run.feedName, run: run.id }
    if (this.#stopping.signal.aborted && !isCancelled) {
      await db.write(releaseRun, { ...holder, news: report.takeNews() })
      return
    }
    if (error !== undefined) report.fault('The run failed', error)
    const news = report.takeNews()
    const state = error !== undefined ? 'failed' : isCancelled ? 'cancelled' : 'succeeded'
    const reason = error === undefined ? null : messageOf(error)
    await db.write(endRun, { ...holder, state, error: reason, news })
    const told = { ...facts, counts: news.counts, errors: news.errorCount }
    if (error === undefined) log.info(told, `A job ${isCancelled ? 'was cancelled' : 'ended'}`)
    else log.error({ ...told, err: error }, 'A job failed')
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1000)
}
