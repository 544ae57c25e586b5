import type { search as routes } from '../../../contract/search.ts'
import { may } from '../../domain/permission.ts'
import { type Feed, listFeeds, subjectOf } from '../../registry/feeds.ts'
import { parseQuery, searchAll } from '../../registry/search.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { canSee, loginNeeded } from './need.ts'

export function searchHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    async find({ query }, { principal }) {
      const feeds = (await listFeeds(db)).filter((feed) => canSee(principal, feed))
      if (feeds.length === 0 && principal.kind === 'anonymous') throw loginNeeded()
      const mayView = (feed: Feed, repository: string) =>
        may(principal, 'Feeds_ViewFeed', subjectOf(feed, repository))
      const mayPull = (feed: Feed, repository: string) =>
        may(principal, 'Feeds_DownloadPackage', subjectOf(feed, repository))
      const found = await searchAll({ db }, { feeds, mayView, mayPull }, parseQuery(query.q))
      const named = <T extends { readonly feed: Feed }>(each: T) => ({
        ...each,
        feed: each.feed.name,
      })
      return {
        registries: found.registries.map(({ name, description }) => ({ name, description })),
        repositories: found.repositories.map(named),
        tags: found.tags.map(named),
        images: found.images.map(named),
        isComplete: found.isComplete,
      }
    },
  }
}
