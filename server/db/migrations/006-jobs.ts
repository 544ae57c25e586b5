import { type Kysely, type Migration, sql } from 'kysely'
import { type Words, wordsOf } from './words.ts'

/** Jobs, their runs and logs; what clean-up picks by, and what reconciling has seen once. */
export function jobs(dialect: 'sqlite' | 'postgres'): Migration {
  const words = wordsOf(dialect)
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of [...cleanUpChanges(words), ...jobTables(words)]) {
        await sql.raw(statement).execute(db)
      }
    },
  }
}

function cleanUpChanges({ integer, text, keyed }: Words): string[] {
  return [
    // Clean-up goes repository by repository, store by store.
    'create index candidates_scope on candidates (kind, scope_id, due, id)',
    'drop index candidates_due',
    'create index freed_locations_due on freed_locations (store_id, since, location)',
    'drop index freed_locations_since',
    "create index uploads_purging on uploads (id) where state = 'purging'",
    `alter table freed_locations add column size_bytes ${integer} not null default 0`,
    `create table stray_locations (
      store_id ${integer} not null references stores (id),
      location ${text} not null,
      seen_at ${integer} not null,
      primary key (store_id, location)
    ) ${keyed}`,
  ]
}

function jobTables({ id, integer, text, table }: Words): string[] {
  return [
    // feed_id 0: the job is the server's. The history outlives its feed, so nothing refers to it.
    `create table jobs (
      id ${id},
      kind ${text} not null,
      feed_id ${integer} not null,
      schedule ${text} not null,
      time_zone ${text} not null,
      enabled ${integer} not null check (enabled in (0, 1)),
      next_run_at ${integer},
      unique (kind, feed_id)
    ) ${table}`,
    'create index jobs_feed on jobs (feed_id, id)',
    'create index jobs_due on jobs (next_run_at) where enabled = 1',
    `create table job_runs (
      id ${id},
      kind ${text} not null,
      feed_id ${integer} not null,
      feed_name ${text},
      params ${text} not null,
      state ${text} not null,
      requested_by ${text} not null,
      requested_at ${integer} not null,
      started_at ${integer},
      ended_at ${integer},
      owner ${text},
      lease_until ${integer},
      attempts ${integer} not null,
      cancelling ${integer} not null check (cancelling in (0, 1)),
      progress ${text},
      counts ${text} not null,
      resume ${text},
      error_count ${integer} not null,
      error ${text}
    ) ${table}`,
    // One run of a job at a time, whoever claims it.
    `create unique index job_runs_running on job_runs (kind, feed_id) where state = 'running'`,
    `create index job_runs_active on job_runs (state, id) where state in ('queued', 'running')`,
    'create index job_runs_job on job_runs (kind, feed_id, id)',
    'create index job_runs_kind on job_runs (kind, id)',
    'create index job_runs_feed on job_runs (feed_id, id)',
    'create index job_runs_ended on job_runs (ended_at) where ended_at is not null',
    `create table job_log (
      id ${id},
      run_id ${integer} not null references job_runs (id),
      at ${integer} not null,
      level ${text} not null,
      message ${text} not null
    ) ${table}`,
    'create index job_log_run on job_log (run_id, id)',
  ]
}
