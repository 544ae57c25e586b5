import type { BlobStore } from '../../blobs/blob-store.ts'
import type { Db } from '../../db/database.ts'
import { listUntaggedRoots } from '../../db/export-roots.ts'
import { findManifestByDigest, findManifestByTag } from '../../db/manifests.ts'
import { findRepository } from '../../db/repositories.ts'
import { listTags } from '../../db/tags.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { Reference, RepositoryName } from '../../domain/reference.ts'
import { BackupHold } from '../backup/hold.ts'
import { type CleanupReport, withSignal } from '../cleanup-report.ts'
import { getFeed } from '../feeds.ts'
import { openLayoutFolder } from './layout-folder.ts'
import { ManifestExport, type MissingContent } from './manifest-export.ts'

export interface ExportDeps {
  readonly db: Db
  readonly stores: { get(storeId: number): BlobStore }
  readonly report: CleanupReport
}

export interface ExportOrder {
  readonly feed: string
  readonly repository: RepositoryName
  /** Null: all of the repository. */
  readonly reference: Reference | null
  /** An absolute path. */
  readonly folder: string
}

export interface ExportResult {
  readonly tags: number
  /** Manifests, those of indexes and signatures too. */
  readonly images: number
  readonly blobs: number
  readonly copied: number
  readonly alreadyThere: number
  readonly missing: readonly MissingContent[]
}

const atOnce = 500

/**
 * Writes a repository, or one image of it, as an OCI image layout: tags as reference names, with all
 * that indexes list and all that refers to what is exported. Every byte is hashed; what is there
 * already is not copied again. What is missing is named. Clean-up leaves alone what it needs.
 */
export async function exportRepository(
  deps: ExportDeps,
  order: ExportOrder,
): Promise<ExportResult> {
  const { db, report } = deps
  const feed = await getFeed(db, order.feed)
  const name = `${feed.name.toLowerCase()}/${order.repository}`
  const found = await findRepository(db.read, feed.id, order.repository)
  if (found === undefined) {
    throw new RegistryError('NAME_UNKNOWN', `There is no repository ${name}.`)
  }
  const at = { feedId: feed.id, repositoryId: found.id, repository: order.repository }
  const layout = await openLayoutFolder(order.folder, name)
  const of = { kind: 'hold', target: `export of ${name}`, counts: () => ({}) } as const
  const hold = await BackupHold.begin(db, of)
  let error: string | null = 'It failed.'
  try {
    const signal = AbortSignal.any([report.signal, hold.lost])
    const shared = { ...deps, report: withSignal(report, signal), target: layout.target }
    const content = new ManifestExport(shared, at)
    const tags = await exportRoots(db, { content, at, order })
    await content.addReferrers()
    signal.throwIfAborted()
    await layout.finish(content.entries)
    error = null
    return { tags, ...content.totals() }
  } finally {
    const state = error === null ? 'succeeded' : 'failed'
    await hold.end({ state, counts: {}, error }).catch(() => undefined)
  }
}

interface Roots {
  readonly content: ManifestExport
  readonly at: {
    readonly feedId: number
    readonly repositoryId: number
    readonly repository: string
  }
  readonly order: ExportOrder
}

/** How many tags it were. */
async function exportRoots(db: Db, { content, at, order }: Roots): Promise<number> {
  const { reference } = order
  if (reference?.kind === 'digest') {
    const found = await findManifestByDigest(db.read, { ...at, digest: reference.digest })
    if (found === undefined) throw unknown(order, reference.digest)
    await content.addRoot(found, null)
    return 0
  }
  if (reference?.kind === 'tag') {
    await addTag(db, { content, at, order }, reference.tag)
    return 1
  }
  let tags = 0
  for await (const tag of pages((after) => listTags(db.read, { ...at, after, count: atOnce }))) {
    await addTag(db, { content, at, order }, tag)
    tags += 1
  }
  for await (const digest of pages((after) =>
    listUntaggedRoots(db.read, { ...at, after, count: atOnce }),
  )) {
    const found = await findManifestByDigest(db.read, { ...at, digest })
    if (found !== undefined) await content.addRoot(found, null)
  }
  return tags
}

async function addTag(db: Db, { content, at, order }: Roots, tag: string): Promise<void> {
  const found = await findManifestByTag(db.read, { ...at, tag })
  if (found !== undefined) return content.addRoot(found, tag)
  // One that was there a moment ago was deleted meanwhile.
  if (order.reference !== null) throw unknown(order, tag)
}

/** All of them, page by page. */
async function* pages(list: (after: string) => Promise<string[]>): AsyncGenerator<string> {
  let after = ''
  for (;;) {
    const page = await list(after)
    yield* page
    after = page.at(-1) ?? ''
    if (page.length < atOnce) return
  }
}

function unknown({ feed, repository }: ExportOrder, reference: string): RegistryError {
  return new RegistryError(
    'MANIFEST_UNKNOWN',
    `The repository ${feed}/${repository} has no ${reference}.`,
  )
}
