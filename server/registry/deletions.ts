import type { Db } from '../db/database.ts'
import {
  type ImageRow,
  listChildren,
  listImageRows,
  listParents,
  listReferrerRows,
  listTagsOf,
} from '../db/image-queries.ts'
import { findSubject } from '../db/manifest-relatives.ts'
import { findManifestByTag } from '../db/manifests.ts'
import { listSignatures } from '../db/signatures.ts'
import type { ImageTarget } from './image-details.ts'

export interface Deletion {
  /** Tags to be deleted alone. */
  readonly tags: readonly string[]
  /** Digests of what is to be deleted with its tags. */
  readonly images: readonly string[]
  /** Also what an index lists. */
  readonly force: boolean
  /** By tag, the image that it has to point at still. */
  readonly pointing: Readonly<Record<string, string>>
}

export interface PreviewedTag {
  readonly name: string
  readonly digest: string
  readonly asked: boolean
}

export interface Orphan {
  readonly digest: string
  readonly relation: 'child' | 'referrer'
  readonly of: string
}

export interface Kept {
  readonly digest: string
  readonly because: 'tag' | 'index' | 'subject'
  readonly by: readonly string[]
}

export interface Refused {
  readonly digest: string
  readonly usedBy: readonly string[]
}

/** What a deletion would take now. */
export interface Preview {
  readonly tags: readonly PreviewedTag[]
  readonly images: readonly ImageRow[]
  readonly untagged: readonly string[]
  readonly orphans: readonly Orphan[]
  readonly kept: readonly Kept[]
  readonly refused: readonly Refused[]
  readonly missing: readonly string[]
  readonly isComplete: boolean
}

/** Tags, children and referrers of one image that are listed. */
export const maxRelatives = 1000

/** Says what deleting would take; changes nothing. */
export async function previewDeletion(
  { db }: { readonly db: Db },
  target: ImageTarget,
  asked: Deletion,
): Promise<Preview> {
  const { repositoryId } = target
  const rows = await listImageRows(db.read, { repositoryId, digests: asked.images })
  const refused = asked.force ? [] : await findRefused(db, rows)
  const refusedDigests = new Set(refused.map(({ digest }) => digest))
  const images = rows.filter(({ digest }) => !refusedDigests.has(digest))
  const tags = await findTags(db, target, { asked, images })
  const relatives = await findRelatives(db, target, { images, tags: tags.found })
  const orphans = new Set(relatives.orphans.map(({ digest }) => digest))
  const untagged = await findUntagged(db, target, { images, tags: tags.found })
  const found = new Set(rows.map(({ digest }) => digest))
  return {
    tags: tags.found,
    images,
    untagged: untagged.filter((digest) => !orphans.has(digest)),
    refused,
    missing: [...tags.missing, ...asked.images.filter((digest) => !found.has(digest))],
    ...relatives,
    isComplete: tags.isComplete && relatives.isComplete,
  }
}

/** What an index lists that stays; until nothing changes: a refused index keeps its images. */
async function findRefused(db: Db, rows: readonly ImageRow[]): Promise<Refused[]> {
  const parents = new Map<string, readonly string[]>()
  for (const { id, digest } of rows) {
    const found = await listParents(db.read, id, maxRelatives)
    parents.set(
      digest,
      found.map((parent) => parent.digest),
    )
  }
  const going = new Set(rows.map(({ digest }) => digest))
  const refused: Refused[] = []
  for (let changed = true; changed; ) {
    changed = false
    for (const digest of [...going]) {
      const usedBy = (parents.get(digest) ?? []).filter((parent) => !going.has(parent))
      if (usedBy.length === 0) continue
      going.delete(digest)
      refused.push({ digest, usedBy: usedBy.slice(0, 10) })
      changed = true
    }
  }
  return refused
}

interface Going {
  readonly images: readonly ImageRow[]
  readonly tags: readonly PreviewedTag[]
}

async function findTags(
  db: Db,
  { feed, repository, repositoryId }: ImageTarget,
  { asked, images }: { readonly asked: Deletion; readonly images: readonly ImageRow[] },
) {
  const found = new Map<string, PreviewedTag>()
  const missing: string[] = []
  for (const name of new Set(asked.tags)) {
    const head = await findManifestByTag(db.read, { feedId: feed.id, repository, tag: name })
    if (head === undefined) missing.push(name)
    else found.set(name, { name, digest: head.digest, asked: true })
  }
  let isComplete = true
  for (const { id, digest } of images) {
    const names = await listTagsOf(db.read, id, maxRelatives)
    isComplete &&= names.length < maxRelatives
    for (const name of names) {
      if (!found.has(name)) found.set(name, { name, digest, asked: false })
    }
    for (const { tag: name, digest: of } of await listSignatures(db.read, {
      repositoryId,
      digest,
    })) {
      if (!found.has(name)) found.set(name, { name, digest: of, asked: false })
    }
  }
  return { found: [...found.values()], missing, isComplete }
}

/** Images that lose all their tags and stay. */
async function findUntagged(
  db: Db,
  { repositoryId }: ImageTarget,
  { images, tags }: Going,
): Promise<string[]> {
  const going = new Set(images.map(({ digest }) => digest))
  const digests = [...new Set(tags.map(({ digest }) => digest))].filter((each) => !going.has(each))
  const names = new Set(tags.map(({ name }) => name))
  const untagged: string[] = []
  for (const row of await listImageRows(db.read, { repositoryId, digests })) {
    // One more than go is enough to know.
    const left = await listTagsOf(db.read, row.id, names.size + 1)
    if (left.every((name) => names.has(name))) untagged.push(row.digest)
  }
  return untagged
}

interface Relative extends Orphan {
  readonly id: number
}

async function findRelatives(
  db: Db,
  { repositoryId }: ImageTarget,
  { images, tags }: Going,
): Promise<Pick<Preview, 'orphans' | 'kept' | 'isComplete'>> {
  const going = new Set(images.map(({ digest }) => digest))
  const relatives = new Map<string, Relative>()
  let isComplete = true
  for (const { id, digest: of } of images) {
    const children = await listChildren(db.read, id, maxRelatives)
    const key = { repositoryId, subject: of }
    const referrers = await listReferrerRows(db.read, key, maxRelatives)
    const signatures = await listSignatures(db.read, { repositoryId, digest: of })
    isComplete &&= children.length < maxRelatives && referrers.length < maxRelatives
    for (const [rows, relation] of [
      [children, 'child'],
      [[...referrers, ...signatures], 'referrer'],
    ] as const) {
      for (const row of rows) {
        const { id: relativeId, digest } = row
        if (!going.has(digest)) relatives.set(digest, { id: relativeId, digest, relation, of })
      }
    }
  }
  const gone = new Set(tags.map(({ name }) => name))
  const orphans: Orphan[] = []
  const kept: Kept[] = []
  for (const { id, ...orphan } of relatives.values()) {
    const holder = await findHolder(db, { id, repositoryId }, { gone, going })
    if (holder === undefined) orphans.push(orphan)
    else kept.push({ digest: orphan.digest, ...holder })
  }
  return { orphans, kept, isComplete }
}

/** Who keeps a relative, as `deleteManifest` asks: a tag, another index, or the image that it is about. */
async function findHolder(
  db: Db,
  { id, repositoryId }: { readonly id: number; readonly repositoryId: number },
  { gone, going }: { readonly gone: ReadonlySet<string>; readonly going: ReadonlySet<string> },
): Promise<Omit<Kept, 'digest'> | undefined> {
  const tags = (await listTagsOf(db.read, id, gone.size + 10)).filter((name) => !gone.has(name))
  if (tags.length > 0) return { because: 'tag', by: tags.slice(0, 10) }
  const parents = (await listParents(db.read, id, going.size + 10))
    .map(({ digest }) => digest)
    .filter((digest) => !going.has(digest))
  if (parents.length > 0) return { because: 'index', by: parents.slice(0, 10) }
  const subject = await findSubject(db.read, { id, repositoryId })
  if (subject === undefined || going.has(subject)) return undefined
  return { because: 'subject', by: [subject] }
}
