import type { BlobImage, CheckedBlob } from './blob-checks.ts'
import { SqliteConnection } from './sqlite.ts'

/** Where to go on in the blobs of a copy. */
export interface BlobCursor {
  readonly storeId: number
  readonly digest: string
}

export interface CopiedStore {
  readonly id: number
  readonly type: string
  /** JSON that says which place. */
  readonly settings: string
}

/** A copy of a database that nobody writes to, open for reading. */
export class CopiedDatabase implements Disposable {
  readonly file: string
  readonly #connection: SqliteConnection

  /** Throws UNAVAILABLE for what is no database. */
  constructor(file: string) {
    this.file = file
    this.#connection = new SqliteConnection({ file, mode: 'read', journal: 'any' })
  }

  /** Blobs by store and digest, those that are marked damaged too. */
  listBlobs(after: BlobCursor | null, limit: number): CheckedBlob[] {
    const { storeId, digest } = after ?? { storeId: 0, digest: '' }
    return this.#connection.query<CheckedBlob>(
      `select store_id as "storeId", digest, location, size_bytes as "sizeBytes", state
       from blobs where (store_id, digest) > (?, ?) order by store_id, digest limit ?`,
      [storeId, digest, limit],
    ).rows
  }

  /** Digests of any store from `from` to before `to`. */
  listDigests(from: string, to: string): string[] {
    const { rows } = this.#connection.query<{ digest: string }>(
      `select distinct b.digest from stores s join blobs b
         on b.store_id = s.id and b.digest >= ? and b.digest < ?`,
      [from, to],
    )
    return rows.map(({ digest }) => digest)
  }

  listStores(): CopiedStore[] {
    return this.#connection.query<CopiedStore>('select id, type, settings from stores order by id')
      .rows
  }

  /** Manifests that need the blob, at most `limit`. */
  listImages({ storeId, digest }: BlobCursor, limit: number): BlobImage[] {
    return this.#connection.query<BlobImage>(
      `select f.name as feed, r.name as repository, m.digest, t.name as tag
       from links l
       join repositories r on r.id = l.repository_id
       join feeds f on f.id = r.feed_id
       join manifest_blobs e on e.repository_id = l.repository_id and e.digest = l.digest
       join manifests m on m.id = e.manifest_id
       left join tags t on t.manifest_id = m.id
       where l.store_id = ? and l.digest = ? limit ?`,
      [storeId, digest, limit],
    ).rows
  }

  /** The last migration that it has. */
  lastMigration(): string {
    const [row] = this.#connection.query<{ name: string | null }>(
      'select max(name) as name from kysely_migration',
    ).rows
    return row?.name ?? ''
  }

  /** What SQLite finds wrong with it; empty: nothing. Reads all of it. */
  findFaults(): string[] {
    const { rows } = this.#connection.query<{ integrity_check: string }>('pragma integrity_check')
    return rows.map((row) => row.integrity_check).filter((text) => text !== 'ok')
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]()
  }
}

/** A store as a restored database has it: a folder below the data folder. */
export interface RestoredStore {
  readonly id: number
  /** Relative to the data folder. */
  readonly path: string
  /** The id in the folder's marker. */
  readonly marker: string
}

/**
 * Makes a copy the database of a server of its own: its stores are these folders, what was under way
 * when it was made is over, and the missing blobs are marked damaged, so that a push mends them.
 */
export function settleRestored(
  file: string,
  of: { readonly stores: readonly RestoredStore[]; readonly missing: readonly BlobCursor[] },
): void {
  using connection = new SqliteConnection({ file, mode: 'write' })
  connection.exec('begin immediate')
  // One may have had the place that another one gets.
  connection.query("update stores set type = 'disk', settings = 'to be restored ' || id")
  for (const { id, path, marker } of of.stores) {
    connection.query(
      `update stores set settings = ?, marker = ?, options = '{}', secret = null,
         version = version + 1 where id = ?`,
      [JSON.stringify({ path }), marker, id],
    )
  }
  // All the others were hashed on their way.
  connection.exec("update blobs set state = 'live' where state <> 'live'")
  for (const { storeId, digest } of of.missing) {
    connection.query(`update blobs set state = 'damaged' where store_id = ? and digest = ?`, [
      storeId,
      digest,
    ])
  }
  connection.exec(`
    delete from backups where state = 'running';
    delete from stagings;
    delete from uploads;
    update job_runs set lease_until = 0 where state = 'running';
    commit;
    pragma wal_checkpoint(truncate);
  `)
}
