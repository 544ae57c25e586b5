import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import type { Content, Image, ManifestContent } from '../support/content.ts'

/** A manifest that somebody pushed, and what it is made of. */
export interface Pushed {
  readonly manifest: ManifestContent
  readonly blobs: readonly Content[]
  readonly children: readonly Pushed[]
}

export interface ExpectedRepository {
  readonly feed: string
  readonly name: string
  readonly images: readonly Pushed[]
  readonly tags: Readonly<Record<string, Pushed>>
}

export function imageOf({ manifest, blobs }: Image): Pushed {
  return { manifest, blobs, children: [] }
}

export function indexOf(manifest: ManifestContent, children: readonly Pushed[]): Pushed {
  return { manifest, blobs: [], children }
}

function bytesOf(contents: readonly Content[]): number {
  return contents.reduce((sum, { size }) => sum + size, 0)
}

/** Each digest once. */
export function once(contents: readonly Content[]): Content[] {
  return [...new Map(contents.map((each) => [each.digest, each])).values()]
}

/** As the tag list has it: the manifest, those below it, their configurations and layers. */
function wholeSize(image: Pushed): number {
  const below = (each: Pushed): Content[] => [
    ...[each.manifest, ...each.blobs],
    ...each.children.flatMap(below),
  ]
  return bytesOf(once(below(image)))
}

function sizesOf(repositories: readonly ExpectedRepository[]) {
  const images = repositories.flatMap((each) => each.images)
  const held = repositories.map((each) => once(each.images.flatMap(({ blobs }) => blobs)))
  return {
    manifestBytes: bytesOf(images.map(({ manifest }) => manifest)),
    logicalBytes: bytesOf(images.flatMap(({ blobs }) => once(blobs))),
    deduplicatedBytes: bytesOf(once(held.flat())),
  }
}

function countsOf({ images, tags }: ExpectedRepository) {
  return { tags: Object.keys(tags).length, images: images.length }
}

const byName = <T extends { readonly name: string }>(items: readonly T[]) =>
  items.toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** What the lists, counts and sizes of the API are to say. */
export function expectedFigures(repositories: readonly ExpectedRepository[]) {
  const feeds = [...new Set(repositories.map(({ feed }) => feed))].toSorted()
  return feeds.map((feed) => {
    const ours = byName(repositories.filter((each) => each.feed === feed))
    const there = ours.filter(({ images }) => images.length > 0)
    const counts = there.map(countsOf)
    return {
      feed,
      registry: {
        repositories: there.length,
        tags: counts.reduce((sum, { tags }) => sum + tags, 0),
        images: counts.reduce((sum, { images }) => sum + images, 0),
        sizes: sizesOf(there),
      },
      listed: there.map((each) => ({ name: each.name, ...countsOf(each), sizes: sizesOf([each]) })),
      tags: there.map(({ tags }) =>
        byName(
          Object.entries(tags).map(([name, image]) => ({
            ...{ name, digest: image.manifest.digest, sizeBytes: wholeSize(image) },
          })),
        ),
      ),
      untagged: there.map(({ images, tags }) => {
        const tagged = new Set(Object.values(tags).map(({ manifest }) => manifest.digest))
        const digests = images.map(({ manifest }) => manifest.digest)
        return digests.filter((digest) => !tagged.has(digest)).toSorted()
      }),
    }
  })
}

/** What they do say. */
export async function readFigures(client: Client, feeds: readonly string[]) {
  const overviews = await call(client, api.registries.list, { query: {} })
  return await Promise.all(
    feeds.toSorted().map(async (feed) => {
      const found = overviews.find(({ name }) => name === feed)
      const listed = await call(client, api.repositories.list, { query: { feed } })
      const tags = []
      const untagged = []
      for (const { name } of listed) {
        const query = { feed, repo: name }
        const named = await call(client, api.tags.list, { query })
        tags.push(named.map(({ name, digest, sizeBytes }) => ({ name, digest, sizeBytes })))
        const rest = await call(client, api.images.untagged, { query })
        untagged.push(rest.map(({ digest }) => digest).toSorted())
      }
      return {
        feed,
        registry: found && {
          ...{ repositories: found.repositories, tags: found.tags, images: found.images },
          sizes: found.sizes,
        },
        listed: listed.map(({ name, tags, images, sizes }) => ({ name, tags, images, sizes })),
        ...{ tags, untagged },
      }
    }),
  )
}
