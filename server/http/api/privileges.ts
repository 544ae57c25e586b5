import type { privileges as routes } from '../../../contract/privileges.ts'
import { explainPrincipal, listPrivileges } from '../../auth/privileges.ts'
import type { Principal } from '../../domain/permission.ts'
import { userKey } from '../../domain/user-name.ts'
import { findFeed, subjectOf } from '../../registry/feeds.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { canSee, loginNeeded, unknownFeed } from './need.ts'

export function privilegeHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    async list({ query }, { principal }) {
      const { user, group, feed: feedName, repo: repository } = query
      if (!asksAboutItself(principal, query)) {
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

/** A user may say its own name, too. */
export function asksAboutItself(
  { kind, name }: Principal,
  { user, group }: { readonly user?: unknown; readonly group?: unknown },
): boolean {
  if (group !== undefined) return false
  if (user === undefined) return true
  return kind === 'user' && typeof user === 'string' && userKey(user) === userKey(name)
}
