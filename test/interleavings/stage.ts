import { sql } from 'kysely'
import pg from 'pg'
import type { Db, Queries } from '../../server/db/database.ts'
import { deleteLink } from '../../server/db/links.ts'
import { claimUpload, type UploadRecord } from '../../server/db/uploads.ts'
import type { WriteTable } from '../../server/db/writes.ts'
import {
  contentWrites,
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../support/database-content.ts'
import type { TestDatabases } from '../support/databases.ts'
import { gatedWrites } from './caller.ts'
import type { ListBlocked } from './scheduler.ts'

export const graceMs = hourMs

/** A repository of the stage. */
export interface Place {
  readonly name: string
  readonly id: number
  readonly feedId: number
}

/** Content that callers change at the same time, put back before each round. */
export interface Stage extends AsyncDisposable {
  readonly content: DatabaseContent
  /** Of a feed that accepts whole manifests only. */
  readonly app: Place
  /** Of a feed with sparse indexes, in the same store. */
  readonly lib: Place
  /** An upload to `app` that has begun. */
  readonly upload: UploadRecord
  /** By location, the digest of the bytes that are there. */
  readonly disk: Map<string, string>
  /** A database for each caller, on connections of its own. */
  readonly databases: readonly Db[]
  readonly listBlocked: ListBlocked
  /** Puts everything back. Returns the time. */
  restore(): Promise<number>
}

export async function runAll(trx: Queries, { statements }: { statements: readonly string[] }) {
  for (const statement of statements) await sql.raw(statement).execute(trx)
}

/** What `contentWrites` has, and `runAll`. */
export const writes: WriteTable['writes'] = { ...contentWrites.writes, runAll }
const stageWrites: WriteTable = { module: import.meta.url, writes }

export async function openStage(databases: TestDatabases, callers: number): Promise<Stage> {
  const url = await databases.newUrl()
  const open = () => databases.open({ url, writes: stageWrites })
  const content = await openContent({ ...databases, open })
  const { db } = content
  const libFeed = await content.addFeed({ sparse_indexes: 1 })
  const upload = await fill(content, libFeed)
  const app = await placeOf(content, 'app', content.feedId)
  const lib = await placeOf(content, 'lib', libFeed)
  const rows = await db.read.selectFrom('blobs').select(['location', 'digest']).execute()
  const saved = new Map(rows.map((row) => [row.location, row.digest]))
  const disk = new Map<string, string>()
  await db.write(runAll, { statements: tables.map(saveTable) })
  const statements = restoreStatements(db.dialect)
  const rest = { content, app, lib, upload, disk }
  const restore = async () => {
    disk.clear()
    for (const [location, digest] of saved) disk.set(location, digest)
    await db.write(runAll, { statements })
    return Date.now()
  }
  if (db.dialect === 'sqlite') {
    const same = Array.from({ length: callers }, () => db)
    const none = async () => new Set<string>()
    return { ...rest, restore, databases: same, listBlocked: none, [Symbol.asyncDispose]: noop }
  }
  const observer = new pg.Client({ connectionString: url })
  await observer.connect()
  return {
    ...{ ...rest, restore, listBlocked: () => listBlocked(observer) },
    databases: await openCallers(databases, url, callers),
    [Symbol.asyncDispose]: () => observer.end(),
  }
}

const noop = async () => {}

function openCallers(databases: TestDatabases, url: string, callers: number): Promise<Db[]> {
  // A deadlock is a fault here, and soon over.
  const settings = encodeURIComponent('-c deadlock_timeout=20ms')
  const opened = Array.from({ length: callers }, (_, at) =>
    databases.open({
      url: `${url}?application_name=caller-${at}&options=${settings}`,
      writes: gatedWrites,
    }),
  )
  return Promise.all(opened)
}

/** Both conditions: a session may wait for a lock that it is about to get. */
async function listBlocked(observer: pg.Client): Promise<ReadonlySet<string>> {
  const { rows } = await observer.query<{ name: string }>(`
    select application_name as name from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
      and cardinality(pg_blocking_pids(pid)) > 0`)
  return new Set(rows.map((row) => row.name))
}

async function placeOf(content: DatabaseContent, name: string, feedId: number): Promise<Place> {
  return { name, feedId, id: await content.repositoryId(name, feedId) }
}

/** What is there when a round begins; leases are half spent or over, so that promises write. */
async function fill(content: DatabaseContent, libFeed: number): Promise<UploadRecord> {
  const lib = { repository: 'lib', feedId: libFeed }
  for (const name of ['config', 'shared', 'loose', 'spare', 'sig-layer', 'stale', 'bare']) {
    await content.pushBlob(name)
  }
  const appId = await content.repositoryId('app')
  await content.db.write(deleteLink, { repositoryId: appId, digest: digestFor('bare'), by: 'ann' })
  for (const name of ['shared', 'rare']) await content.pushBlob(name, lib)
  const config = digestFor('config')
  const shared = digestFor('shared')
  const image = { config, layers: [shared] }
  const put = (name: string, changes: object) => content.put(content.manifest(name, changes))
  await put('image', { ...image, tags: ['v1'] })
  await put('child', image)
  await put('orphan', image)
  await put('lost', image)
  const children = ['image', 'child'].map(digestFor)
  await put('index', { children, tags: ['latest'] })
  await put('sig', { config, layers: [digestFor('sig-layer')], subject: digestFor('image') })
  const upload = await content.db.write(claimUpload, await content.startUpload())
  if (!upload) throw new Error('the upload is gone')
  await content.db.write(runAll, { statements: ageing })
  return upload
}

const expired = `('${digestFor('config')}', '${digestFor('shared')}')`
const ageing = [
  `update links set promised_at = now_ms() - ${graceMs / 2},
   lease_until = now_ms() + ${graceMs / 4}`,
  `update links set lease_until = now_ms() - ${graceMs / 6} where digest in ${expired}`,
  `update manifests set promised_at = now_ms() - ${graceMs / 2},
   lease_until = now_ms() + ${graceMs / 4}`,
  `update manifests set orphaned_since = now_ms() - ${graceMs / 2},
   lease_until = now_ms() - ${graceMs / 6} where digest = '${digestFor('orphan')}'`,
  // What clean-up will take: unused, and without a lease, for longer than the grace time.
  `update links set promised_at = now_ms() - ${2 * graceMs}, lease_until = now_ms() - ${2 * graceMs}
   where digest = '${digestFor('stale')}'`,
  `update candidates set due = 0 where digest = '${digestFor('stale')}'`,
  `update manifests set orphaned_since = now_ms() - ${2 * graceMs},
   lease_until = now_ms() - ${2 * graceMs} where digest = '${digestFor('lost')}'`,
  // What clean-up has looked at and found in use.
  `delete from candidates where kind = 'link' and exists (select 1 from manifest_blobs e
   where e.repository_id = scope_id and e.digest = candidates.digest)`,
  // Only an upload that goes on is not purged.
  `update uploads set last_progress = now_ms() - ${2 * graceMs}`,
  `insert into candidates (kind, scope_id, digest, due) select 'manifest', repository_id, digest, 0
   from manifests where orphaned_since is not null`,
]

/** What callers change, in an order in which rows can be put in. */
const tables = [
  ...['repositories', 'blobs', 'links', 'manifests', 'manifest_contents', 'manifest_blobs'],
  ...['manifest_children', 'wanted', 'tags', 'tag_history', 'uploads', 'candidates'],
  ...['freed_locations', 'events'],
]

function saveTable(table: string): string {
  return `create table saved_${table} as select * from ${table}`
}

function restoreStatements(dialect: Db['dialect']): string[] {
  const override = dialect === 'postgres' ? 'overriding system value' : ''
  const statements = [
    ...tables.toReversed().map((table) => `delete from ${table}`),
    ...tables.map((table) => `insert into ${table} ${override} select * from saved_${table}`),
    // Long runs do not age what was saved.
    ...['links', 'manifests'].map(
      (table) => `update ${table} set promised_at = promised_at + ${sinceSaved},
        lease_until = lease_until + ${sinceSaved}`,
    ),
    `update manifests set orphaned_since = orphaned_since + ${sinceSaved}`,
    `update uploads set started_at = started_at + ${sinceSaved},
      last_progress = last_progress + ${sinceSaved}`,
  ]
  return dialect === 'postgres' ? [statements.join(';')] : statements
}

const sinceSaved = `(select now_ms() - max(promised_at) - ${graceMs / 2} from saved_links)`
