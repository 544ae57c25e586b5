import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { removeManifest } from './manifest-deletion.ts'
import { findRelatives, lockRelatives } from './manifest-relatives.ts'
import { lockRepository } from './repositories.ts'
import { nowMs } from './sql.ts'
import { deleteTag } from './tags.ts'

interface Judged {
  readonly repositoryId: number
  readonly digest: string
  /** By the database's clock, before anything of the repository was read. */
  readonly judgedAt: number
  readonly by: string
}

/** `changed`: somebody pushed it, asked for it or moved the tag since it was judged. It stays. */
export type RemovalOutcome = 'removed' | 'changed' | 'gone'

/** Removes a tag whose image stays, if all is as it was judged. */
export async function removeJudgedTag(
  trx: Queries,
  input: Judged & { readonly tag: string; readonly pushedAt: number },
): Promise<RemovalOutcome> {
  const { repositoryId, tag, pushedAt, by } = input
  await lockRepository(trx, repositoryId)
  const manifest = await findManifest(trx, input)
  if (!manifest) return 'gone'
  const tags = await tagsOf(trx, manifest.id)
  const found = tags.find(({ name }) => name === tag)
  if (!found) return (await isTag(trx, repositoryId, tag)) ? 'changed' : 'gone'
  if (found.pushedAt !== pushedAt || isRelied(manifest, input)) return 'changed'
  return (await deleteTag(trx, { repositoryId, tag, by })) ? 'removed' : 'gone'
}

export interface JudgedImage extends Judged {
  /** Exactly those that it has to have, and no other. */
  readonly tags: readonly { readonly name: string; readonly pushedAt: number }[]
  readonly keptSignatures: readonly string[]
  readonly graceMs: number
}

/** Removes an image with its tags, if all is as it was judged, and no index lists it. */
export async function removeJudgedImage(trx: Queries, input: JudgedImage): Promise<RemovalOutcome> {
  const { repositoryId, digest } = input
  const repository = await lockRepository(trx, repositoryId)
  const relatives = await findRelatives(trx, input)
  if (!relatives) return 'gone'
  await lockRelatives(trx, repositoryId, [{ digest, relatives }])
  // Leases are judged after the locks: a HEAD takes one without the repository's.
  const locked = await findManifest(trx, input)
  if (!locked || isRelied(locked, input) || relatives.parents.length > 0) return 'changed'
  const judged = new Map(input.tags.map(({ name, pushedAt }) => [name, pushedAt]))
  const tags = await tagsOf(trx, relatives.id)
  const isSame = tags.every(({ name, pushedAt }) => judged.get(name) === pushedAt)
  if (!isSame || tags.length !== judged.size) return 'changed'
  if (await isReferrer(trx, repositoryId, locked.subject)) return 'changed'
  await removeManifest(trx, input, { relatives, repository })
  return 'removed'
}

interface FoundManifest {
  readonly id: number
  readonly subject: string | null
  readonly leftMs: number
  readonly promised_at: number
}

function findManifest(trx: Queries, { repositoryId, digest }: Judged) {
  return trx
    .selectFrom('manifests')
    .select(['id', 'subject', 'promised_at', sql<number>`lease_until - ${nowMs}`.as('leftMs')])
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .executeTakeFirst()
}

function isRelied({ leftMs, promised_at }: FoundManifest, { judgedAt }: Judged): boolean {
  return leftMs > 0 || promised_at >= judgedAt
}

function tagsOf(trx: Queries, manifestId: number) {
  return trx
    .selectFrom('tags')
    .select(['name', 'updated_at as pushedAt'])
    .where('manifest_id', '=', manifestId)
    .execute()
}

async function isTag(trx: Queries, repositoryId: number, name: string): Promise<boolean> {
  const row = await trx
    .selectFrom('tags')
    .select('name')
    .where('repository_id', '=', repositoryId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row !== undefined
}

/** Whether the image that this one is about is there: it was pushed meanwhile. */
async function isReferrer(
  trx: Queries,
  repositoryId: number,
  subject: string | null,
): Promise<boolean> {
  if (subject === null) return false
  const row = await trx
    .selectFrom('manifests')
    .select('id')
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', subject)
    .executeTakeFirst()
  return row !== undefined
}
