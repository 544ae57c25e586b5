import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import { findManifestByTag } from '../db/manifests.ts'
import { type SearchedRepository, searchRepositories } from '../db/search.ts'
import type { Feed } from './feeds.ts'

export interface Query {
  /** A part of the name of a registry or a repository, lower case. */
  readonly name: string
  /** The beginning of a tag; null: none is looked for. */
  readonly tag: string | null
  /** The beginning of a digest; null: none is looked for. */
  readonly digest: string | null
}

/** Who asks: the feeds of which something may be viewed, and what of them. */
export interface SearchView {
  readonly feeds: readonly Feed[]
  readonly mayView: (feed: Feed, repository: string) => boolean
  /** Whether tags and digests are for the caller, too. */
  readonly mayPull: (feed: Feed, repository: string) => boolean
}

export interface SearchResult {
  readonly registries: readonly Feed[]
  readonly repositories: readonly { readonly feed: Feed; readonly repository: string }[]
  readonly tags: readonly {
    readonly feed: Feed
    readonly repository: string
    readonly tag: string
    readonly digest: string
  }[]
  readonly images: readonly {
    readonly feed: Feed
    readonly repository: string
    readonly digest: string
  }[]
  readonly isComplete: boolean
}

const maxOfKind = 20
const maxOfRepository = 3
const step = 250
/** Repositories that one search looks into. */
const maxRepositories = 50_000

/**
 * `main/team/app:1.4` is a name with the beginning of a tag; any other word may be either. What is
 * hexadecimal, or says its algorithm, may be a digest.
 */
export function parseQuery(text: string): Query {
  const word = text.trim()
  const digest = digestOf(word)
  if (/^sha(?:256|512):/.test(word)) return { name: word.toLowerCase(), tag: null, digest }
  const colon = word.lastIndexOf(':')
  if (colon > 0) {
    return { name: word.slice(0, colon).toLowerCase(), tag: word.slice(colon + 1), digest: null }
  }
  return { name: word.toLowerCase(), tag: word, digest }
}

function digestOf(word: string): string | null {
  const [, algorithm, hex] = /^(?:(sha256|sha512):)?([0-9a-f]{6,128})$/.exec(word) ?? []
  return hex === undefined ? null : `${algorithm ?? 'sha256'}:${hex}`
}

interface Finds {
  readonly repositories: SearchResult['repositories'][number][]
  readonly tags: { feed: Feed; repository: string; tag: string }[]
  readonly images: SearchResult['images'][number][]
}

/** Looks through the repositories of all these feeds, a step at a time, each by indexes. */
export async function searchAll(
  { db }: { readonly db: Db },
  view: SearchView,
  query: Query,
): Promise<SearchResult> {
  const finds: Finds = { repositories: [], tags: [], images: [] }
  let left = maxRepositories
  for (const feed of view.feeds) {
    left = await searchFeed(db, { view, query, feed, finds, left })
    if (left <= 0 || isFull(finds, query)) break
  }
  const registries = view.feeds.filter(({ key }) => key.includes(query.name)).slice(0, maxOfKind)
  return {
    registries,
    repositories: finds.repositories.slice(0, maxOfKind),
    tags: await withDigests(db, finds.tags.slice(0, maxOfKind)),
    images: finds.images.slice(0, maxOfKind),
    isComplete:
      left > 0 &&
      [finds.repositories, finds.tags, finds.images].every(({ length }) => length <= maxOfKind),
  }
}

interface FeedSearch {
  readonly view: SearchView
  readonly query: Query
  readonly feed: Feed
  readonly finds: Finds
  readonly left: number
}

/** How many repositories may still be looked into. */
async function searchFeed(db: Db, search: FeedSearch): Promise<number> {
  const { feed, query, finds } = search
  const { tag, digest } = query
  let { left } = search
  let after = ''
  while (left > 0 && !isFull(finds, query)) {
    const rows = await searchRepositories(db.read, {
      ...{ feedId: feed.id, after, count: step, digest, limit: maxOfRepository },
      // Every tag begins with nothing: that says which repository alone.
      tag: tag === '' ? null : tag,
    })
    for (const row of rows) collect(search, row)
    left -= rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < step) return left
    after = last.name
    await nextTurn()
  }
  return left
}

function collect({ view, query, feed, finds }: FeedSearch, row: SearchedRepository): void {
  const repository = row.name
  if (!view.mayView(feed, repository)) return
  const isNamed = `${feed.key}/${repository}`.includes(query.name)
  if (isNamed) finds.repositories.push({ feed, repository })
  if (!view.mayPull(feed, repository)) return
  // With a name before the colon, tags of what is named so only.
  if (query.tag === query.name || isNamed || query.tag?.toLowerCase() === query.name) {
    for (const tag of row.tags) finds.tags.push({ feed, repository, tag })
  }
  for (const digest of row.digests) finds.images.push({ feed, repository, digest })
}

/** Nothing more would be shown. */
function isFull({ repositories, tags, images }: Finds, query: Query): boolean {
  return (
    repositories.length > maxOfKind &&
    (query.tag === null || query.tag === '' || tags.length > maxOfKind) &&
    (query.digest === null || images.length > maxOfKind)
  )
}

async function withDigests(db: Db, tags: Finds['tags']): Promise<SearchResult['tags'][number][]> {
  const found: SearchResult['tags'][number][] = []
  for (const each of tags) {
    const { feed, repository, tag } = each
    const head = await findManifestByTag(db.read, { feedId: feed.id, repository, tag })
    if (head !== undefined) found.push({ ...each, digest: head.digest })
  }
  return found
}
