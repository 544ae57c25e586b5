import { sql } from 'kysely'
import type { BackupRow, BackupState } from './backup-schema.ts'
import type { Queries } from './database.ts'
import { nowMs, nowMsOnce } from './sql.ts'

const keptBackups = 1000

/**
 * Notes that a backup begins. From now on clean-up leaves alone what is freed, until the backup ends
 * or is not heard of for `leaseMs`. Those that were not heard of any more have failed.
 */
export async function beginBackup(
  trx: Queries,
  input: Pick<BackupRow, 'kind' | 'target'> & { readonly leaseMs: number },
): Promise<{ id: number }> {
  await trx
    .updateTable('backups')
    .set({ state: 'failed', ended_at: nowMs, error: 'It was cut off: its process has ended.' })
    .where('state', '=', sql.lit('running'))
    .where('lease_until', '<', nowMsOnce)
    .execute()
  const { kind, target, leaseMs } = input
  const { id } = await trx
    .insertInto('backups')
    .values({
      ...{ kind, target, state: 'running', started_at: nowMs, counts: '{}' },
      lease_until: sql<number>`${nowMs} + ${leaseMs}`,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await trx
    .deleteFrom('backups')
    .where('id', '<=', id - keptBackups)
    .where('state', '<>', 'running')
    .execute()
  return { id }
}

/** The heartbeat. False: it came too late, and clean-up may have taken what the backup needs. */
export async function beatBackup(
  trx: Queries,
  input: {
    readonly id: number
    readonly leaseMs: number
    readonly counts: Readonly<Record<string, number>>
  },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('backups')
    .set({
      lease_until: sql<number>`${nowMs} + ${input.leaseMs}`,
      counts: JSON.stringify(input.counts),
    })
    .where('id', '=', input.id)
    .where('state', '=', 'running')
    .where('lease_until', '>=', nowMs)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** Notes how it ended, unless it has; clean-up goes on. */
export async function endBackup(
  trx: Queries,
  input: {
    readonly id: number
    readonly state: Exclude<BackupState, 'running'>
    readonly counts: Readonly<Record<string, number>>
    readonly error: string | null
  },
): Promise<void> {
  const { id, state, counts, error } = input
  await trx
    .updateTable('backups')
    .set({ state, ended_at: nowMs, lease_until: null, counts: JSON.stringify(counts), error })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .execute()
}

/** A backup for people; times in milliseconds. */
export interface BackupRecord {
  readonly id: number
  readonly kind: BackupRow['kind']
  readonly target: string
  readonly state: BackupState
  readonly startedAt: number
  readonly endedAt: number | null
  /** JSON object of numbers. */
  readonly counts: string
  readonly error: string | null
}

const columns = [
  'id',
  'kind',
  'target',
  'state',
  'started_at as startedAt',
  'ended_at as endedAt',
  'counts',
  'error',
] as const

/** The last one that ended so. */
export async function findLastBackup(
  db: Queries,
  state: BackupState,
): Promise<BackupRecord | undefined> {
  return db
    .selectFrom('backups')
    .select(columns)
    .where('kind', '=', 'backup')
    .where('state', '=', state)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** Whether a backup was made there, be it one that lacks something. Rows are few. */
export async function hasBackedUpTo(db: Queries, target: string): Promise<boolean> {
  const found = await db
    .selectFrom('backups')
    .select('id')
    .where('kind', '=', 'backup')
    .where('state', 'in', ['succeeded', 'incomplete'])
    .where('target', '=', target)
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
}

/** The newest first. */
export async function listBackups(
  db: Queries,
  page: { readonly before: number | null; readonly count: number },
): Promise<BackupRecord[]> {
  let query = db.selectFrom('backups').select(columns)
  if (page.before !== null) query = query.where('id', '<', page.before)
  return query.orderBy('id', 'desc').limit(page.count).execute()
}
