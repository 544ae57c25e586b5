import type { audit as routes } from '../../../contract/audit.ts'
import { listEvents } from '../../db/audit.ts'
import type { Db } from '../../db/database.ts'
import { findFeed } from '../../registry/feeds.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { unknownFeed } from './need.ts'
import { pageOf, sendPage } from './pages.ts'

export function auditHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    async list({ query }, call) {
      const { kind, by, from, to } = query
      const feedId = query.feed === undefined ? null : await getFeedId(db, query.feed)
      const { after, count } = pageOf(query)
      const found = await listEvents(db.read, {
        before: after ?? null,
        count: count + 1,
        kind: kind ?? null,
        by: by ?? null,
        feedId,
        from: timeOf(from),
        to: timeOf(to),
      })
      const items = found.slice(0, count).map(({ at, detail, ...event }) => ({
        ...event,
        at: new Date(at).toISOString(),
        detail: JSON.parse(detail) as Record<string, unknown>,
      }))
      const next = found.length > count ? (items.at(-1)?.id ?? null) : null
      return sendPage(call, { items, next })
    },
  }
}

async function getFeedId(db: Db, name: string): Promise<number> {
  const feed = await findFeed(db, name)
  if (feed === undefined) throw unknownFeed(name)
  return feed.id
}

function timeOf(text: string | undefined): number | null {
  return text === undefined ? null : Date.parse(text)
}
