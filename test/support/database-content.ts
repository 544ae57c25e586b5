import { randomUUID } from 'node:crypto'
import { type Insertable, sql } from 'kysely'
import type { Db, Queries } from '../../server/db/database.ts'
import { insertFeed } from '../../server/db/feeds.ts'
import type { ManifestPush } from '../../server/db/manifest-push.ts'
import { putManifest } from '../../server/db/manifest-push.ts'
import { findManifestByDigest, type ManifestHead } from '../../server/db/manifests.ts'
import { findRepository } from '../../server/db/repositories.ts'
import type { FeedRow } from '../../server/db/schema.ts'
import { ensureStore } from '../../server/db/stores.ts'
import { commitUpload, insertUpload, type UploadRecord } from '../../server/db/uploads.ts'
import { writes as serverWrites, type Write, type WriteTable } from '../../server/db/writes.ts'
import { digestOf, mediaTypes } from './content.ts'
import { explainCall } from './database-plans.ts'
import type { TestDatabases } from './databases.ts'

/** Any statement, for what no write of the server does: moving times, breaking rows, filling. */
export async function runSql(trx: Queries, input: { readonly statement: string }) {
  await sql.raw(input.statement).execute(trx)
}

/** As if so much time had gone by for leases, orphans, and what waits for clean-up. */
export function statementsThatAge(ms: number): readonly string[] {
  return [
    `update links set lease_until = lease_until - ${ms}, promised_at = promised_at - ${ms}`,
    `update manifests set lease_until = lease_until - ${ms},
      promised_at = promised_at - ${ms}, orphaned_since = orphaned_since - ${ms}`,
    `update candidates set due = due - ${ms}`,
    `update freed_locations set since = since - ${ms}`,
  ]
}

export const writes: Readonly<Record<string, Write>> = { ...serverWrites, explainCall, runSql }

/** The server's writes, `runSql` and `explainCall`. */
export const contentWrites: WriteTable = { module: import.meta.url, writes }

export const hourMs = 3_600_000

/** A database with a store and a feed, and short ways to fill repositories of it. */
export interface DatabaseContent {
  readonly db: Db
  readonly storeId: number
  readonly feedId: number
  /** A statement of its own; both databases know `now_ms()`. */
  run(statement: string): Promise<void>
  addStore(): Promise<number>
  addFeed(changes?: Partial<Insertable<FeedRow>>): Promise<number>
  startUpload(target?: Partial<Target>): Promise<UploadRecord>
  commit(
    upload: UploadRecord,
    digest: string,
    changes?: { epoch?: number; graceMs?: number },
  ): CommitOutcome
  /** Uploads a blob that is named after its content. Returns its digest. */
  pushBlob(name: string, target?: Partial<Target>): Promise<string>
  /** A manifest that refers to nothing but what is named. */
  manifest(name: string, changes?: Partial<ManifestPush>): ManifestPush
  put(push: ManifestPush): Promise<string>
  /** Blobs `<name>-config` and `<name>-layer`, and their manifest with these tags. */
  pushImage(name: string, changes?: Partial<ManifestPush>): Promise<string>
  repositoryId(name: string, feedId?: number): Promise<number>
  /** Throws when it is not there. */
  head(digest: string, repository?: string): Promise<ManifestHead>
}

type CommitOutcome = Promise<'committed' | 'present' | 'unknown'>

interface Target {
  readonly repository: string
  readonly feedId: number
  readonly storeId: number
}

export function digestFor(name: string): string {
  return digestOf(Buffer.from(name))
}

export async function openContent(databases: TestDatabases): Promise<DatabaseContent> {
  return await addContent(await databases.open({ writes: contentWrites }))
}

/** A store and a feed of their own, in a database that others may be in too. */
export async function addContent(db: Db): Promise<DatabaseContent> {
  const addStore = async () => {
    const settings = JSON.stringify({ path: randomUUID() })
    return (await db.write(ensureStore, { type: 'disk', settings })).id
  }
  const storeId = await addStore()
  const addFeed = async (changes: Partial<Insertable<FeedRow>> = {}) => {
    const name = changes.name ?? `feed-${randomUUID()}`
    const { id } = await db.write(insertFeed, {
      names: [{ key: name.toLowerCase(), name, alternate: 0 }],
      row: { ...feedRow, store_id: storeId, ...changes, name },
      by: 'tests',
    })
    return id
  }
  const feedId = await addFeed()
  return { db, storeId, feedId, addStore, addFeed, ...contentOf(db, { feedId, storeId }) }
}

type Filling = Omit<DatabaseContent, 'db' | 'storeId' | 'feedId' | 'addStore' | 'addFeed'>

function contentOf(db: Db, place: { feedId: number; storeId: number }): Filling {
  const target = { repository: 'app', ...place }
  const content: Filling = {
    async run(statement) {
      await db.write(runSql, { statement })
    },
    async startUpload(changes = {}) {
      const id = randomUUID()
      const { repository, feedId, storeId } = { ...target, ...changes }
      return db.write(insertUpload, {
        ...{ id, feedId, repository, storeId, location: id },
        ...{ algorithm: 'sha256', by: 'ann' },
      })
    },
    commit: (upload, digest, changes = {}) =>
      db.write(commitUpload, { ...upload, digest, sizeBytes: 7, graceMs: hourMs, ...changes }),
    async pushBlob(name, changes = {}) {
      const digest = digestFor(name)
      await content.commit(await content.startUpload(changes), digest)
      return digest
    },
    manifest: (name, changes = {}) => ({
      ...{ feedId: place.feedId, repository: 'app', digest: digestFor(name) },
      ...{ mediaType: mediaTypes.image, artifactType: null, subject: null, annotations: null },
      ...{ content: Buffer.from(name), config: null, layers: [], optional: [], children: [] },
      ...{ tags: [], mayOverwrite: false, graceMs: hourMs, by: 'ann' },
      ...changes,
    }),
    async put(push) {
      await db.write(putManifest, push)
      return push.digest
    },
    async pushImage(name, changes = {}) {
      const into = { ...target, ...changes }
      const config = await content.pushBlob(`${name}-config`, into)
      const layer = await content.pushBlob(`${name}-layer`, into)
      return content.put(content.manifest(name, { config, layers: [layer], ...changes }))
    },
    async repositoryId(name, feedId = place.feedId) {
      const found = await findRepository(db.read, feedId, name)
      if (!found) throw new Error(`there is no repository ${name}`)
      return found.id
    },
    async head(digest, repository = 'app') {
      const key = { feedId: place.feedId, repository, digest }
      const found = await findManifestByDigest(db.read, key)
      if (!found) throw new Error(`there is no manifest ${digest}`)
      return found
    },
  }
  return content
}

const feedRow = {
  description: '',
  active: 1,
  tag_deletion: 0,
  sparse_indexes: 0,
  overwrite: 'allowed',
  external_layers: 1,
  feed_group_id: null,
} as const
