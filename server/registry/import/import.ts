import { isDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { parseRepositoryPath, type RepositoryName } from '../../domain/reference.ts'
import { eachOf } from '../at-once.ts'
import type { Pace } from '../backup/pace.ts'
import { BlobArrivals } from './blob-arrivals.ts'
import type { CountName, ImportReport, SkippedItem, SkipReason } from './import-report.ts'
import { RepositoryImport } from './repository-import.ts'
import type { Selection } from './selection.ts'
import { Slots } from './slots.ts'
import type { Source } from './source.ts'
import type { ImportTarget } from './target.ts'

/** Manifests are in memory while they are under way: this bounds how many. */
const repositoriesAtOnce = 4
const tagsAtOnce = 8

export interface ImportDeps {
  readonly source: Source
  readonly target: ImportTarget
  readonly report: ImportReport
  readonly pace: Pace
}

export interface ImportOrder {
  readonly feed: string
  /** In front of each repository's name; '': nothing. */
  readonly prefix: string
  readonly selection: Selection
  readonly overwriteTags: boolean
  /** Blobs on their way at once. */
  readonly atOnce: number
}

export interface ImportResult {
  readonly counts: Readonly<Record<CountName, number>>
  readonly reasons: Readonly<Partial<Record<SkipReason, number>>>
  readonly skipped: readonly SkippedItem[]
  /** Why it did not come to its end; null: it did. */
  readonly failure: RegistryError | null
}

/**
 * Brings the images of a source into a feed: what is there is not copied again, so that a run that
 * was cut off is gone on with by the next. What cannot be had or is not taken is named, and all the
 * rest comes. When the source or the target fails for good it ends, and says so.
 */
export async function importImages(deps: ImportDeps, order: ImportOrder): Promise<ImportResult> {
  const { report } = deps
  const failure = await importAll(deps, order).then(
    () => null,
    (error: unknown) => failureOf(error, report),
  )
  const { skipped } = report
  return { counts: report.counts(), reasons: report.reasons(), skipped, failure }
}

/** A mistake of ours is thrown. */
function failureOf(error: unknown, report: ImportReport): RegistryError {
  if (report.isCalledOff) {
    const message = 'The import was called off: the same command goes on with it.'
    return new RegistryError('UNAVAILABLE', message)
  }
  if (error instanceof RegistryError) return error
  throw error
}

async function importAll(deps: ImportDeps, order: ImportOrder): Promise<void> {
  const { source, report } = deps
  const { selection, atOnce } = order
  const arrivals = new BlobArrivals({ ...deps, slots: new Slots(atOnce) })
  const named = selection.repositories
  const names = named.length > 0 ? named : source.repositories()
  await eachOf(names, Math.min(repositoriesAtOnce, atOnce), async (name) => {
    report.signal.throwIfAborted()
    if (!selection.wantsRepository(name)) return report.count('repositoriesLeftOut')
    await importRepository({ ...deps, arrivals }, order, name)
  })
}

async function importRepository(
  deps: ImportDeps & { readonly arrivals: BlobArrivals },
  order: ImportOrder,
  name: string,
): Promise<void> {
  const { source, report } = deps
  const { selection, overwriteTags } = order
  const atOnce = Math.min(tagsAtOnce, order.atOnce)
  try {
    const to = placeOf(order, name)
    const bringing = new RepositoryImport({ ...deps, overwriteTags }, name, to)
    const tags = await tagsOf(source, name, selection)
    report.count('tagsLeftOut', tags.others.length)
    const about = byWhatTheyAreAbout(tags.others)
    await eachOf(tags.wanted, atOnce, async (tag) => {
      for (const digest of await bringing.bringTag(tag)) {
        const related = about.get(digest) ?? []
        // Each once.
        about.delete(digest)
        for (const other of related) await bringing.bringTag(other)
      }
    })
    if (selection.wantsUntagged) {
      await eachOf(source.manifests(name), atOnce, (digest) => bringing.bringManifest(digest))
    }
    for await (const { what, reason } of source.leftovers(name)) {
      report.skip({
        what: 'leftover',
        name: `${name} ${what}`,
        reason: 'unfinished',
        message: reason,
      })
    }
    report.count('repositories')
  } catch (error) {
    report.skipFor(error, { what: 'repository', name })
  }
}

/** Throws NAME_INVALID for a name that none here may have. */
function placeOf({ feed, prefix }: ImportOrder, name: string): RepositoryName {
  const inside = prefix === '' ? name : `${prefix}/${name}`
  return parseRepositoryPath(`${feed}/${inside}`).repository
}

interface Tags {
  readonly wanted: readonly string[]
  readonly others: readonly string[]
}

async function tagsOf(source: Source, name: string, selection: Selection): Promise<Tags> {
  const wanted = new Set<string>()
  const others = new Set<string>()
  for await (const tag of source.tags(name)) {
    if (selection.wantsTag(tag)) wanted.add(tag)
    else others.add(tag)
  }
  return { wanted: [...wanted], others: [...others] }
}

/**
 * Where a registry lists no referrers, they hang on tags made of the digest: `sha256-<hex>` (OCI
 * distribution-spec, "Referrers Tag Schema"), and `.sig`, `.att`, `.sbom` behind it (cosign).
 */
function byWhatTheyAreAbout(tags: readonly string[]): Map<string, string[]> {
  const about = new Map<string, string[]>()
  for (const tag of tags) {
    const digest = tag.replace('-', ':').replace(/\.[a-z]+$/, '')
    if (isDigest(digest)) about.set(digest, [...(about.get(digest) ?? []), tag])
  }
  return about
}
