import type { Identity } from '../../auth/authenticate.ts'
import { RegistryError } from '../../domain/errors.ts'
import { may, mayAct, type Principal } from '../../domain/permission.ts'
import type { RepositoryName, RepositoryPath } from '../../domain/reference.ts'
import { type Action, covers, repositoryScope } from '../../domain/scope.ts'
import { type Feed, type Feeds, subjectOf } from '../../registry/feeds.ts'
import { challenge } from './challenge.ts'
import type { Exchange } from './exchange.ts'

/** A caller who may do what it asked for, in a repository that need not exist yet. */
export interface Admission {
  readonly identity: Identity
  readonly feed: Feed
  readonly repository: RepositoryName
  /** `<feed>/<repository>` as addressed, lower case: what answers and Locations repeat. */
  readonly name: string
  /** Whether the caller may do this here too. */
  can(action: Action): boolean
}

export interface AdmissionTarget {
  readonly path: RepositoryPath
  readonly action: Action
  /** The name under which a mirror's client knows the repository; null: the same. */
  readonly alias: string | null
}

/**
 * Lets the caller in for an action, or refuses (DESIGN 5, MUST 8): Anonymous hears 401 whatever is
 * there; who may not view it hears what an absent feed answers; who may view it but not do this
 * hears DENIED; a token that lacks the scope, though its owner has the right, is sent for a new one.
 */
export async function admit(
  { feeds }: { feeds: Feeds },
  { exchange, identity }: { readonly exchange: Exchange; readonly identity: Identity },
  { path, action, alias }: AdmissionTarget,
): Promise<Admission> {
  const { principal, access } = identity
  const name = `${path.feedKey}/${path.repository}`
  const scope = repositoryScope(name, action)
  const refreshing = feeds.refresh()
  if (refreshing !== undefined) await refreshing
  let feed = findVisible(feeds, principal, path)
  if (!feed) {
    await feeds.reread()
    feed = findVisible(feeds, principal, path)
  }
  const subject = feed && subjectOf(feed, path.repository)
  const has = (wanted: Action) => subject !== undefined && mayAct(principal, wanted, subject)
  if (principal.kind === 'anonymous' && !has(action)) {
    throw challenge(exchange, { scope, lacksScope: access !== null })
  }
  if (!feed) throw unknownName(name)
  if (!has(action)) {
    throw new RegistryError(
      'DENIED',
      `${principal.name} may not ${action === '*' ? 'do this' : action} in ${name}.`,
    )
  }
  const isCovered = (wanted: Action) =>
    access === null ||
    covers(access, name, wanted) ||
    (alias !== null && wanted === 'pull' && covers(access, alias, wanted))
  if (!isCovered(action)) {
    throw challenge(exchange, { scope, lacksScope: true })
  }
  const can = (wanted: Action) => has(wanted) && isCovered(wanted)
  return { identity, feed, repository: path.repository, name, can }
}

/**
 * The feed, if it is there, active, and the principal may view the repository, which need not exist:
 * all else is one and the same.
 */
function findVisible(feeds: Feeds, principal: Principal, path: RepositoryPath): Feed | undefined {
  const feed = feeds.findKnown(path.feedKey)
  if (!feed?.active) return undefined
  return may(principal, 'Feeds_ViewFeed', subjectOf(feed, path.repository)) ? feed : undefined
}

/** The same words for what is not there and for what the caller may not see. */
export function unknownName(name: string): RegistryError {
  return new RegistryError(
    'NAME_UNKNOWN',
    `There is no repository ${name} here, or you may not see it.`,
    { detail: { name } },
  )
}
