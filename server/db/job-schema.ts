import type { Generated } from 'kysely'

/** Tables of jobs. */
export interface JobSchema {
  jobs: JobRow
  job_runs: JobRunRow
  job_log: JobLogRow
}

/** Unique (kind, feed_id). */
export interface JobRow {
  id: Generated<number>
  kind: string
  /** 0: the server's. */
  feed_id: number
  /** Cron text. */
  schedule: string
  time_zone: string
  enabled: 0 | 1
  /** Null: never, by schedule. */
  next_run_at: number | null
}

export type RunState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

export interface JobRunRow {
  id: Generated<number>
  kind: string
  feed_id: number
  /** As it was called then. */
  feed_name: string | null
  /** JSON object: what was asked for. */
  params: string
  state: RunState
  requested_by: string
  requested_at: number
  started_at: number | null
  ended_at: number | null
  /** The process that runs it. */
  owner: string | null
  /** Until then nobody takes it over. */
  lease_until: number | null
  /** How often it was begun. */
  attempts: number
  cancelling: 0 | 1
  /** In words. */
  progress: string | null
  /** JSON object of numbers. */
  counts: string
  /** Where to go on, in the job's own words. */
  resume: string | null
  error_count: number
  error: string | null
}

export interface JobLogRow {
  id: Generated<number>
  run_id: number
  at: number
  level: 'info' | 'error'
  message: string
}
