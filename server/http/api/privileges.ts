import type { privileges as routes } from '../../../contract/privileges.ts'
import { explainPrincipal, listPrivileges } from '../../auth/privileges.ts'
import { findFeed, subjectOf } from '../../registry/feeds.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { canSee, loginNeeded, unknownFeed } from './need.ts'

export function privilegeHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    async list({ query }, { principal }) {
      const { user, group, feed: feedName, repo: repository } = query
      if (user !== undefined || group !== undefined) {
        return [...(await listPrivileges({ db }, { user, group, feed: feedName, repository }))]
      }
      const feed = feedName === undefined ? undefined : await findFeed(db, feedName)
      if (feedName !== undefined && !(feed && canSee(principal, feed))) {
        throw principal.kind === 'anonymous' ? loginNeeded() : unknownFeed(feedName)
      }
      const subject = feed === undefined ? null : subjectOf(feed, repository)
      return [...(await explainPrincipal({ db }, principal, subject))]
    },
  }
}
