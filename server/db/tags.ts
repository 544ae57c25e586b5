import { sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import { versionKey } from '../domain/version-key.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { type Params, prepared } from './prepared.ts'
import { lockRepository } from './repositories.ts'
import { countContent } from './repository-counts.ts'
import type { OverwriteRule } from './schema.ts'
import { nowMs } from './sql.ts'

interface TagPage {
  readonly repositoryId: number
  readonly after: string
  readonly count: number
}

const page = prepared((db, p: Params<TagPage>) =>
  db
    .selectFrom('tags')
    .select('name')
    .where('repository_id', '=', p.repositoryId)
    .where('name', '>', p.after)
    .orderBy('name')
    .limit(p.count),
)

/** Tags after `after` ('' for the first page), in byte order. */
export async function listTags(db: Queries, input: TagPage): Promise<string[]> {
  return (await page.list(db, input)).map((row) => row.name)
}

export interface TagMove {
  readonly repositoryId: number
  readonly tags: readonly string[]
  readonly manifest: { readonly id: number; readonly digest: string }
  readonly overwrite: OverwriteRule
  /** Whether the caller has Feeds_OverwritePackage. */
  readonly mayOverwrite: boolean
  readonly by: string
  /** Through which they come; absent or null: they are pushed, and are no longer a connector's. */
  readonly connectorId?: number | null
}

interface Origin {
  readonly connectorId: number | null
}

interface TagKey {
  readonly repositoryId: number
  readonly name: string
}

const digestOfTag = prepared((db, p: Params<TagKey>) =>
  db
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
    .select(['manifests.digest', 'tags.connector_id as connectorId'])
    .where('tags.repository_id', '=', p.repositoryId)
    .where('tags.name', '=', p.name),
)

const upsert = prepared(
  (db, p: Params<TagKey & Origin & { versionKey: string; manifestId: number; by: string }>) =>
    db
      .insertInto('tags')
      .values({
        repository_id: p.repositoryId,
        name: p.name,
        manifest_id: p.manifestId,
        created_at: nowMs,
        updated_at: nowMs,
        updated_by: p.by,
        version_key: p.versionKey,
        connector_id: p.connectorId,
        checked_at: nowMs,
      })
      .onConflict((conflict) =>
        conflict.columns(['repository_id', 'name']).doUpdateSet({
          manifest_id: p.manifestId,
          updated_at: nowMs,
          updated_by: p.by,
          connector_id: p.connectorId,
          checked_at: nowMs,
          check_failed_at: sql.lit(null),
          check_failure: sql.lit(null),
          // One that an older version of this server made has none.
          version_key: p.versionKey,
        }),
      ),
)

const markOrigin = prepared((db, p: Params<TagKey & Origin>) =>
  db
    .updateTable('tags')
    .set({
      connector_id: p.connectorId,
      checked_at: nowMs,
      check_failed_at: sql.lit(null),
      check_failure: sql.lit(null),
    })
    .where('repository_id', '=', p.repositoryId)
    .where('name', '=', p.name),
)

/**
 * Points tags at a manifest, under the repository's lock. Tags that point there already stay as
 * they are, and so do pushed ones when a connector's come. Throws DENIED, with nothing moved, when the feed's rule keeps one where it is.
 */
export async function moveTags(
  trx: Queries,
  move: TagMove,
): Promise<{ created: string[]; updated: string[] }> {
  const { repositoryId, manifest, by, connectorId = null } = move
  const created: string[] = []
  const updated: string[] = []
  for (const name of new Set(move.tags)) {
    const existing = await digestOfTag.find(trx, { repositoryId, name })
    if (existing && connectorId !== null && existing.connectorId === null) continue
    if (existing?.digest === manifest.digest) {
      if (existing.connectorId !== null) {
        await markOrigin.run(trx, { repositoryId, name, connectorId })
      }
      continue
    }
    if (existing) refuseMove(move, name, existing.digest)
    const key = { repositoryId, name, versionKey: versionKey(name) }
    await upsert.run(trx, { ...key, manifestId: manifest.id, by, connectorId })
    await insertTagHistory(trx, {
      repository_id: repositoryId,
      name,
      digest: manifest.digest,
      previous_digest: existing?.digest ?? null,
      by,
    })
    ;(existing ? updated : created).push(name)
  }
  return { created, updated }
}

function refuseMove(move: TagMove, name: string, digest: string) {
  if (move.overwrite === 'allowed') return
  if (move.overwrite === 'permission' && move.mayOverwrite) return
  const reason =
    move.overwrite === 'never'
      ? 'tags of this registry never move: push under a new tag.'
      : 'moving a tag of this registry needs the right to overwrite, which you do not have.'
  throw new RegistryError(
    'DENIED',
    `The tag "${name}" points at ${digest} already, and ${reason}`,
    {
      detail: { tag: name, digest },
    },
  )
}

interface HistoryRow {
  readonly repository_id: number
  readonly name: string
  readonly digest: string | null
  readonly previous_digest: string | null
  readonly by: string
}

const insertHistory = prepared((db, p: Params<HistoryRow>) =>
  db.insertInto('tag_history').values({
    repository_id: p.repository_id,
    name: p.name,
    digest: p.digest,
    previous_digest: p.previous_digest,
    by: p.by,
    at: nowMs,
  }),
)

/** Adds a row to the tags' history, which is append-only. */
export async function insertTagHistory(trx: Queries, row: HistoryRow): Promise<void> {
  await insertHistory.run(trx, row)
}

/**
 * Removes one tag; the manifest stays, as somebody's. False when there is no such tag. Throws
 * CONFLICT when it points elsewhere than at `digest`, if that is given.
 */
export async function deleteTag(
  trx: Queries,
  input: {
    readonly repositoryId: number
    readonly tag: string
    readonly digest?: string | null
    readonly by: string
    readonly address?: string | null
  },
): Promise<boolean> {
  const { repositoryId, tag, digest = null, by, address = null } = input
  const { feedId, name: repository } = await lockRepository(trx, repositoryId)
  const existing = await digestOfTag.find(trx, { repositoryId, name: tag })
  if (!existing) return false
  if (digest !== null && existing.digest !== digest) {
    throw new RegistryError(
      'CONFLICT',
      `The tag ${tag} was moved to ${existing.digest} meanwhile: look again at what it is now.`,
    )
  }
  await trx
    .deleteFrom('tags')
    .where('repository_id', '=', repositoryId)
    .where('name', '=', tag)
    .execute()
  await countContent.run(trx, { repositoryId, tags: -1, manifests: 0 })
  await insertTagHistory(trx, {
    repository_id: repositoryId,
    name: tag,
    digest: null,
    previous_digest: existing.digest,
    by,
  })
  await insertEvent(trx, {
    kind: 'tag.deleted',
    by,
    address,
    feedId,
    repository,
    detail: { tag, digest: existing.digest },
  })
  return true
}

/**
 * Points a tag at a manifest that is there. Undefined when the manifest is not. Throws CONFLICT for
 * a tag that points elsewhere and must not be moved, DENIED when the feed's rule keeps it there.
 */
export async function createTag(
  trx: Queries,
  input: Omit<TagMove, 'manifest' | 'tags' | 'overwrite'> & {
    readonly tag: string
    readonly digest: string
    /** Default true. */
    readonly mayMove?: boolean
    readonly address?: string | null
  },
): Promise<'created' | 'exists' | 'updated' | undefined> {
  const { feedId, name: repository } = await lockRepository(trx, input.repositoryId)
  const manifest = await trx
    .updateTable('manifests')
    .set({ orphaned_since: null })
    .where('repository_id', '=', input.repositoryId)
    .where('digest', '=', input.digest)
    .returning(['id', 'digest'])
    .executeTakeFirst()
  if (!manifest) return undefined
  const { overwrite } = await trx
    .selectFrom('feeds')
    .select('overwrite')
    .where('id', '=', feedId)
    .executeTakeFirstOrThrow()
  if (input.mayMove === false) await refuseOther(trx, input)
  const { created, updated } = await moveTags(trx, {
    ...input,
    tags: [input.tag],
    manifest,
    overwrite,
  })
  if (created.length + updated.length === 0) return 'exists'
  await countContent.run(trx, {
    repositoryId: input.repositoryId,
    tags: created.length,
    manifests: 0,
  })
  await insertEvent(trx, {
    kind: created.length > 0 ? 'tag.created' : 'tag.moved',
    by: input.by,
    address: input.address ?? null,
    feedId,
    repository,
    detail: { tag: input.tag, digest: input.digest },
  })
  return created.length > 0 ? 'created' : 'updated'
}

async function refuseOther(
  trx: Queries,
  input: { readonly repositoryId: number; readonly tag: string; readonly digest: string },
) {
  const existing = await digestOfTag.find(trx, { ...input, name: input.tag })
  if (existing === undefined || existing.digest === input.digest) return
  throw new RegistryError(
    'CONFLICT',
    `The tag "${input.tag}" points at ${existing.digest} already: move it with force=true.`,
    { detail: { tag: input.tag, digest: existing.digest } },
  )
}
