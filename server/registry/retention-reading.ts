import { setImmediate as nextTurn } from 'node:timers/promises'
import { findDatabaseTime } from '../db/clock.ts'
import type { Db } from '../db/database.ts'
import { findPullsCountedSince, listPulls, type PullFacts } from '../db/pull-facts.ts'
import {
  listEdges,
  listRetentionManifests,
  listTagFacts,
  type RetentionManifest,
  readOwnBytes,
} from '../db/retention-facts.ts'
import type {
  RetentionImage,
  RetentionRepository,
  RetentionTag,
} from '../domain/retention-images.ts'
import type { RetentionRule } from '../domain/retention-rule.ts'

/** A repository as it was when it was read. */
export interface ReadRepository extends RetentionRepository {
  readonly id: number
  /** By the database's clock, before anything was read. */
  readonly judgedAt: number
}

export interface Reading {
  readonly db: Db
  /** What they do not ask for is not read. */
  readonly rules: readonly RetentionRule[]
  readonly pullsCountedSince: number
}

export async function openReading(db: Db, rules: readonly RetentionRule[]): Promise<Reading> {
  return { db, rules, pullsCountedSince: await findPullsCountedSince(db.read) }
}

const pageSize = 1000

/** All images of a repository, in pages: whoever waits for the event loop gets it in between. */
export async function readRepository(
  reading: Reading,
  { id, name }: { readonly id: number; readonly name: string },
): Promise<ReadRepository> {
  const { db, rules } = reading
  const judgedAt = await findDatabaseTime(db.read)
  const tags = await readTags(db, id)
  const manifests: RetentionManifest[] = []
  const pulls = new Map<number, PullFacts>()
  const bytes = new Map<number, number>()
  const children = new Map<number, number[]>()
  const asksForPulls = rules.some((rule) => rule.notPulledForDays !== null)
  const asksForBytes = rules.some((rule) => rule.size !== null)
  for await (const page of manifestPages(db, id)) {
    const ids = page.map((manifest) => manifest.id)
    for (const manifest of page) manifests.push(manifest)
    for (const { parentId, childId } of await listEdges(db.read, ids)) {
      append(children, parentId, childId)
    }
    if (asksForPulls) {
      for (const facts of await listPulls(db.read, ids)) pulls.set(facts.id, facts)
    }
    if (!asksForBytes) continue
    for (const [manifest, sum] of await readOwnBytes(db.read, ids)) bytes.set(manifest, sum)
  }
  const digests = new Map(manifests.map((manifest) => [manifest.id, manifest.digest]))
  const images = manifests.map((manifest): RetentionImage => {
    const childIds = children.get(manifest.id) ?? []
    const used = pulls.get(manifest.id)
    return {
      digest: manifest.digest,
      tags: tags.get(manifest.id) ?? [],
      pushedAt: manifest.pushedAt,
      sizeBytes: [manifest.id, ...childIds].reduce((sum, each) => sum + (bytes.get(each) ?? 0), 0),
      cached: manifest.connectorId !== null,
      pulls: used?.pulls ?? 0,
      lastPulledAt: used?.lastPulledAt ?? null,
      promised: manifest.leftMs > 0,
      orphaned: manifest.orphaned,
      children: childIds.flatMap((child) => digests.get(child) ?? []),
      subject: manifest.subject,
    }
  })
  return { id, name, judgedAt, images }
}

async function readTags(db: Db, repositoryId: number): Promise<Map<number, RetentionTag[]>> {
  const tags = new Map<number, RetentionTag[]>()
  let after: string | undefined = ''
  while (after !== undefined) {
    const page = await listTagFacts(db.read, { repositoryId, after, count: pageSize })
    for (const { manifestId, name, pushedAt } of page) append(tags, manifestId, { name, pushedAt })
    after = page.length < pageSize ? undefined : page.at(-1)?.name
    await nextTurn()
  }
  return tags
}

async function* manifestPages(db: Db, repositoryId: number): AsyncGenerator<RetentionManifest[]> {
  let after: string | undefined = ''
  while (after !== undefined) {
    const page = await listRetentionManifests(db.read, { repositoryId, after, count: pageSize })
    if (page.length > 0) yield page
    after = page.length < pageSize ? undefined : page.at(-1)?.digest
    await nextTurn()
  }
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const known = lists.get(key)
  if (known === undefined) lists.set(key, [value])
  else known.push(value)
}
