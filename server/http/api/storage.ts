import type {
  storage as routes,
  StoreKind as ShownKind,
  FeedStorage as ShownStorage,
} from '../../../contract/storage.ts'
import { runJob } from '../../jobs/jobs.ts'
import { hasElsewhere, listElsewhere } from '../../registry/feed-remains.ts'
import { type FeedStorage, getFeedStorage, setFeedStorage } from '../../registry/feed-storage.ts'
import { type Feed, getFeed } from '../../registry/feeds.ts'
import { storeKinds } from '../../registry/store-kinds.ts'
import { lookAtStores } from '../../registry/store-list.ts'
import { tryStore } from '../../registry/store-trial.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'

export function storageHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db } = deps
  const show = async (
    feed: Feed,
    { id, properties, secrets }: FeedStorage,
  ): Promise<ShownStorage> => {
    const moving = await hasElsewhere(db, feed)
    return {
      ...{ id, properties: { ...properties }, secrets: [...secrets], moving },
      elsewhere: moving ? await listElsewhere(deps, feed) : [],
    }
  }
  return {
    async get({ query }) {
      if (query.feed === undefined) return kinds()
      const feed = await getFeed(db, query.feed)
      return show(feed, await getFeedStorage(deps, feed))
    },
    stores: () => lookAtStores(deps),
    async set({ query, body }, { by }) {
      const before = await getFeed(db, query.feed)
      const storage = await setFeedStorage({ ...deps, by }, before, body)
      const feed = await getFeed(db, query.feed)
      if (await hasElsewhere(db, feed)) {
        await runJob({ db, by }, { job: 'FeedMove', feed, step: null, dryRun: false })
        deps.wakeJobs()
      }
      return show(feed, storage)
    },
    async test({ body }) {
      const { steps, works } = await tryStore(deps, body)
      return { steps: [...steps], works }
    },
  }
}

function kinds(): ShownKind[] {
  return storeKinds.map(({ id, name, description, properties }) => ({
    ...{ id, name, description },
    properties: Object.fromEntries(properties.map((each) => [each.name, { ...each }])),
  }))
}
