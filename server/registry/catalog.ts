import type { Db } from '../db/database.ts'
import { listRepositories } from '../db/repositories.ts'
import type { Feed } from './feeds.ts'
import { cut, type Listed, type Page } from './tags.ts'

/** How many names are looked at in one go, at least, where the caller may not view all. */
const minBatch = 1000

/** What of the server somebody may view. */
export interface CatalogView {
  readonly feeds: readonly Feed[]
  readonly mayView: (feed: Feed, repository: string) => boolean
}

/**
 * `<feed>/<repository>` that may be viewed, in byte order, those with a manifest. `after` need not
 * exist any more.
 */
export async function pageCatalog(
  { db }: { db: Db },
  { feeds, mayView }: CatalogView,
  { after, count }: Page,
): Promise<Listed<string>> {
  const names: string[] = []
  // A feed's name and its slash decide the order: "a-b/x" comes before "a/x".
  const prefixes = feeds
    .map((feed) => ({ feed, prefix: `${feed.key}/` }))
    .filter(({ prefix }) => prefix > after || after.startsWith(prefix))
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
  for (const { feed, prefix } of prefixes) {
    const wanted = count + 1 - names.length
    const from = after.startsWith(prefix) ? after.slice(prefix.length) : ''
    for await (const name of viewable(db, { feed, from, wanted, mayView }))
      names.push(prefix + name)
    if (names.length > count) break
  }
  return cut(names, count, (name) => name)
}

/** The next `wanted` names in the feed that may be viewed: what may not leaves no gap in a page. */
async function* viewable(
  db: Db,
  input: {
    readonly feed: Feed
    readonly from: string
    readonly wanted: number
    readonly mayView: CatalogView['mayView']
  },
): AsyncGenerator<string> {
  const { feed, mayView } = input
  let left = input.wanted
  let after = input.from
  let count = left
  while (left > 0) {
    const names = await listRepositories(db.read, { feedId: feed.id, after, count })
    for (const name of names) {
      if (!mayView(feed, name)) continue
      yield name
      left -= 1
      if (left === 0) return
    }
    const last = names.at(-1)
    if (last === undefined || names.length < count) return
    after = last
    count = Math.max(left, minBatch)
  }
}
