import type {
  storage as routes,
  StoreKind as ShownKind,
  FeedStorage as ShownStorage,
} from '../../../contract/storage.ts'
import { runJob } from '../../jobs/jobs.ts'
import { hasElsewhere } from '../../registry/feed-move.ts'
import { type FeedStorage, getFeedStorage, setFeedStorage } from '../../registry/feed-storage.ts'
import { type Feed, getFeed } from '../../registry/feeds.ts'
import { storeKinds } from '../../registry/store-kinds.ts'
import { tryStore } from '../../registry/store-trial.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'

export function storageHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db } = deps
  const show = async (
    feed: Feed,
    { id, properties, secrets }: FeedStorage,
  ): Promise<ShownStorage> => ({
    ...{ id, properties: { ...properties }, secrets: [...secrets] },
    moving: await hasElsewhere(db, feed),
  })
  return {
    async get({ query }) {
      if (query.feed === undefined) return kinds()
      const feed = await getFeed(db, query.feed)
      return show(feed, await getFeedStorage(deps, feed))
    },
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
    properties: Object.fromEntries(
      properties.map(({ isPlace: _isPlace, ...shown }) => [shown.name, shown]),
    ),
  }))
}
