import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db, Queries } from '../db/database.ts'
import {
  findReleasedBytes,
  sumExclusiveInFeed,
  sumExclusiveInRepository,
} from '../db/exclusive-blobs.ts'
import {
  countReferences,
  findNamedImages,
  type HeldImage,
  listDependants,
  listHeldImages,
} from '../db/leaving-images.ts'
import { RegistryError } from '../domain/errors.ts'
import { signaturesOf } from '../domain/retention-images.ts'
import { foldAllSizes } from './sizes.ts'

/** What goes when some tags and images are deleted, and what clean-up frees then. */
export interface Freed {
  /** Images that go, those too that follow. */
  readonly images: number
  /** Bytes in the store that nothing else holds. */
  readonly bytes: number
}

/** One question is about so many images and blobs at most: each is looked up. */
const maxImages = 10_000
const maxBlobs = 50_000

export interface Leaving {
  readonly repositoryId: number
  readonly tags: readonly string[]
  readonly digests: readonly string[]
  /** Of tags: their images stay. */
  readonly tagsAlone?: boolean
  /** Also images that an index lists. */
  readonly force?: boolean
}

/**
 * What would be freed if these tags were deleted, and with each its image when it was the last; and
 * these images. An image that an index lists, and that is not named too, stays. Throws
 * REQUEST_INVALID when that is more than can be looked up at once.
 */
export async function measureFreed({ db }: { readonly db: Db }, input: Leaving): Promise<Freed> {
  const { repositoryId } = input
  const leaving = await findLeaving(db.read, input)
  const references = await countReferences(db.read, [...leaving])
  if (references.size > maxBlobs) throw tooMuch(`${references.size} blobs`)
  let bytes = 0
  let looked = 0
  for (const [digest, givenUp] of references) {
    bytes += await findReleasedBytes(db.read, { repositoryId, digest, givenUp })
    looked += 1
    if (looked % 100 === 0) await nextTurn()
  }
  return { images: leaving.size, bytes }
}

async function findLeaving(db: Queries, input: Leaving): Promise<ReadonlySet<number>> {
  const { repositoryId, tagsAlone = false, force = false } = input
  const found = await findNamedImages(db, input)
  const named = new Set(found.named)
  const untagged = new Set(input.tags)
  const leaving = new Map<number, HeldImage>()
  let next = await listHeldImages(db, {
    repositoryId,
    ids: [...named, ...(tagsAlone ? [] : found.tagged)],
  })
  for (let going = settle(next); going.length > 0; going = settle(next)) {
    for (const image of going) {
      leaving.set(image.id, image)
      for (const signature of signaturesOf(image.digest)) untagged.add(signature)
    }
    if (leaving.size > maxImages) throw tooMuch(`${leaving.size} images`)
    const ids = await listDependants(db, { repositoryId, images: going })
    const dependants = await listHeldImages(db, {
      repositoryId,
      ids: ids.filter((id) => !leaving.has(id)),
    })
    next = [...new Map([...next, ...dependants].map((image) => [image.id, image])).values()]
    await nextTurn()
  }
  return new Set(leaving.keys())

  /** Those of them that nothing holds but what leaves. */
  function settle(images: readonly HeldImage[]): HeldImage[] {
    return images.filter((image) => {
      if (leaving.has(image.id)) return false
      if (force && named.has(image.id)) return true
      if (!image.parents.every((id) => leaving.has(id) || named.has(id))) return false
      if (named.has(image.id)) return true
      const isHeld = image.tags.some((tag) => !untagged.has(tag))
      return !isHeld && (image.subjectId === null || leaving.has(image.subjectId))
    })
  }
}

function tooMuch(what: string): RegistryError {
  return new RegistryError(
    'REQUEST_INVALID',
    `That would take ${what}: more than is looked up at once (${maxImages} images, ${maxBlobs} blobs). Ask about fewer.`,
  )
}

const partSize = 1000
/** A million blobs: what has more is not measured. */
const maxParts = 1000

/** What deleting the whole repository would free; null: it has too many blobs. */
export function measureRepository(
  { db }: { readonly db: Db },
  repositoryId: number,
): Promise<number | null> {
  return addUp('', (after) =>
    sumExclusiveInRepository(db.read, { repositoryId, after, count: partSize }),
  )
}

/** What deleting the whole feed would free; null: it has too many blobs. */
export async function measureFeed(
  { db }: { readonly db: Db },
  feedId: number,
): Promise<number | null> {
  await foldAllSizes({ db })
  return await addUp({ storeId: 0, digest: '' }, (after) =>
    sumExclusiveInFeed(db.read, { feedId, after, count: partSize }),
  )
}

async function addUp<T>(
  first: T,
  readPart: (after: T) => Promise<{ readonly bytes: number; readonly last: T | null }>,
): Promise<number | null> {
  let sum = 0
  let after: T | null = first
  for (let part = 0; part < maxParts; part += 1) {
    const { bytes, last }: { readonly bytes: number; readonly last: T | null } =
      await readPart(after)
    sum += bytes
    if (last === null) return sum
    after = last
    await nextTurn()
  }
  return null
}
