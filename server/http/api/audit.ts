import type { audit as routes } from '../../../contract/audit.ts'
import { listEvents } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import { may } from '../../domain/permission.ts'
import { type Feed, findFeed, subjectOf } from '../../registry/feeds.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { unknownFeed } from './need.ts'
import { pageOf, sendPage } from './pages.ts'

export function auditHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    async list({ query }, call) {
      const { kind, by, from, to } = query
      const feed = query.feed === undefined ? undefined : await getFeed(db, query.feed)
      const { after, count } = pageOf(query)
      const found = await listEvents(db.read, {
        before: after ?? null,
        count: count + 1,
        kind: kind ?? null,
        by: by ?? null,
        feedId: feed?.id ?? null,
        from: timeOf(from),
        to: timeOf(to),
      })
      // What a restriction hides of the registry stays hidden here too.
      const isShown = ({ repository }: { readonly repository: string | null }) =>
        feed === undefined ||
        repository === null ||
        may(call.principal, 'Feeds_ViewFeed', subjectOf(feed, repository))
      const page = found.slice(0, count)
      const items = page.filter(isShown).map(({ at, detail, ...event }) => ({
        ...event,
        at: new Date(at).toISOString(),
        detail: JSON.parse(detail) as Record<string, unknown>,
      }))
      const next = found.length > count ? (page.at(-1)?.id ?? null) : null
      return sendPage(call, { items, next })
    },
  }
}

async function getFeed(db: Db, name: string): Promise<Feed> {
  const feed = await findFeed(db, name)
  if (feed === undefined) throw unknownFeed(name)
  return feed
}

function timeOf(text: string | undefined): number | null {
  return text === undefined ? null : Date.parse(text)
}
