import type { Db } from '../db/database.ts'
import { listRepositories } from '../db/repositories.ts'
import type { Feed } from './feeds.ts'
import { cut, type Listed, type Page } from './tags.ts'

/**
 * `<feed>/<repository>` of these feeds in byte order, those with a manifest. `after` need not
 * exist any more.
 */
export async function pageCatalog(
  { db }: { db: Db },
  feeds: readonly Feed[],
  { after, count }: Page,
): Promise<Listed<string>> {
  const names: string[] = []
  // A feed's name and its slash decide the order: "a-b/x" comes before "a/x".
  const prefixes = feeds
    .map((feed) => ({ feed, prefix: `${feed.key}/` }))
    .filter(({ prefix }) => prefix > after || after.startsWith(prefix))
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
  for (const { feed, prefix } of prefixes) {
    const page = {
      feedId: feed.id,
      after: after.startsWith(prefix) ? after.slice(prefix.length) : '',
      count: count + 1 - names.length,
    }
    for (const name of await listRepositories(db.read, page)) names.push(prefix + name)
    if (names.length > count) break
  }
  return cut(names, count, (name) => name)
}
