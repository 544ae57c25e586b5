import type { sizes as routes } from '../../../contract/sizes.ts'
import { findRepository } from '../../db/repositories.ts'
import { getFeed } from '../../registry/feeds.ts'
import { measureFeed, measureFreed, measureRepository } from '../../registry/freed-bytes.ts'
import {
  listFeedSizes,
  pageImageSizes,
  pageRepositorySizes,
  pageTagSizes,
  readServerSizes,
} from '../../registry/size-pages.ts'
import { readFeedSize } from '../../registry/sizes.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { unknownRepository } from './need.ts'
import { pageOf, pageOfAll, sendPage } from './pages.ts'

interface PageQuery {
  readonly after?: string | undefined
  readonly count?: number | undefined
}

export function sizeHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  const page = (query: PageQuery) => {
    const { after = '', count } = pageOf(query)
    return { after, count }
  }
  const repositoryOf = async (query: { readonly feed: string; readonly repo: string }) => {
    const feed = await getFeed(db, query.feed)
    const row = await findRepository(db.read, feed.id, query.repo)
    if (row?.listed !== 1) throw unknownRepository(feed.name, query.repo)
    return row.id
  }
  return {
    async server() {
      const { stores, ...sizes } = await readServerSizes({ db })
      return { ...sizes, stores: [...stores] }
    },
    async feeds({ query }, call) {
      const all = (await listFeedSizes({ db })).map(({ feed, ...sizes }) => ({
        ...{ name: feed.name },
        ...sizes,
      }))
      return sendPage(call, pageOfAll(all, pageOf(query)))
    },
    feed: async ({ query }) => await readFeedSize({ db }, (await getFeed(db, query.feed)).id),
    async repositories({ query }, call) {
      const { id } = await getFeed(db, query.feed)
      return sendPage(call, await pageRepositorySizes({ db }, id, page(query)))
    },
    tags: async ({ query }, call) =>
      sendPage(call, await pageTagSizes({ db }, await repositoryOf(query), page(query))),
    images: async ({ query }, call) =>
      sendPage(call, await pageImageSizes({ db }, await repositoryOf(query), page(query))),
    async freed({ query, body }) {
      const { feed, repo } = query
      if (repo === undefined) {
        const { id } = await getFeed(db, feed)
        return { images: null, freedBytes: await measureFeed({ db }, id) }
      }
      const repositoryId = await repositoryOf({ feed, repo })
      const { tags = [], images: digests = [] } = body
      if (body.tags === undefined && body.images === undefined) {
        return { images: null, freedBytes: await measureRepository({ db }, repositoryId) }
      }
      const { images, bytes } = await measureFreed({ db }, { repositoryId, tags, digests })
      return { images, freedBytes: bytes }
    },
  }
}
