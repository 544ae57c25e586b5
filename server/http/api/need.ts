import type { Db } from '../../db/database.ts'
import { findFeedGroupByKey } from '../../db/feed-groups.ts'
import { accessName } from '../../domain/access-name.ts'
import type { FeedAttribute, ServerAttribute } from '../../domain/attribute.ts'
import { RegistryError } from '../../domain/errors.ts'
import { may, type Principal, seesFeed } from '../../domain/permission.ts'
import type { Subject } from '../../domain/rule.ts'
import { type Feed, findFeed, subjectOf } from '../../registry/feeds.ts'
import type { Call } from './call.ts'
import { fieldsOf, type Sent } from './sent.ts'

/** Where a request names a feed. */
export interface FeedField {
  readonly in: 'params' | 'query' | 'body'
  readonly name: string
}

/** What a caller needs for a route, looked at before anything else of the request is. */
export type Need =
  /** Credentials are not even looked at: logging in and out. */
  | { readonly kind: 'open' }
  /** Also Anonymous: the answer is what the caller may see. */
  | { readonly kind: 'anyone' }
  /** Who has logged in or has a key. */
  | { readonly kind: 'known' }
  /** A user, by password or session: no key, not even a personal one. */
  | { readonly kind: 'user' }
  | { readonly kind: 'server'; readonly attribute: ServerAttribute }
  | {
      readonly kind: 'feed'
      readonly attribute: FeedAttribute
      readonly feed: FeedField
      /** Whether a feed that is not there is no fault, for who has the attribute everywhere. */
      readonly mayBeAbsent?: true
    }
  /** Something in the feed that the caller may view, be it some repositories only. */
  | { readonly kind: 'partOfFeed'; readonly feed: FeedField }
  /** Attributes in one repository: fields `feed` and `repo`. It need not be there. */
  | {
      readonly kind: 'repository'
      readonly attributes: readonly FeedAttribute[]
      readonly in: 'query' | 'body'
    }
  /** A feed's attribute in a feed that is yet to be made, in the group that the body names. */
  | { readonly kind: 'newFeed'; readonly attribute: FeedAttribute; readonly feedGroup: FeedField }
  | {
      readonly kind: 'depends'
      /** For people. */
      readonly on: string
      find(deps: NeedDeps, sent: Sent, call: Call): Need | Promise<Need>
    }

export interface NeedDeps {
  readonly db: Db
}

/**
 * Lets the caller in, or refuses (DESIGN 5, MUST 8): Anonymous hears 401; who may not view the feed
 * hears what an absent one answers; who may, but not do this, hears 403.
 */
export async function admit(deps: NeedDeps, need: Need, sent: Sent, call: Call): Promise<void> {
  const { principal } = call
  switch (need.kind) {
    case 'open':
    case 'anyone':
      return
    case 'known':
      if (principal.kind === 'anonymous') throw loginNeeded()
      return
    case 'user':
      if (principal.kind !== 'user') throw refusal(principal, 'only a user itself may do this')
      return
    case 'server':
      return demand(principal, may(principal, need.attribute, null), need.attribute)
    case 'feed':
      return admitToFeed(deps, need, sent, principal)
    case 'partOfFeed':
      return admitToPart(deps, need, sent, principal)
    case 'repository':
      return admitToRepository(deps, need, sent, principal)
    case 'newFeed':
      return admitToNewFeed(deps, need, sent, principal)
    case 'depends':
      return admit(deps, await need.find(deps, sent, call), sent, call)
  }
}

async function admitToFeed(
  deps: NeedDeps,
  need: Extract<Need, { kind: 'feed' }>,
  sent: Sent,
  principal: Principal,
): Promise<void> {
  const name = fieldOf(sent, need.feed)
  const feed = name === undefined ? undefined : await findFeed(deps.db, name)
  const subject = feed && { feedId: feed.id, feedGroupId: feed.feedGroupId }
  const isOff = feed?.active === false && !may(principal, 'Admin_ManageFeed', subject ?? null)
  if (subject && !isOff && may(principal, need.attribute, subject)) return
  if (principal.kind === 'anonymous') throw loginNeeded()
  if (!feed || !canSee(principal, feed)) {
    if (!feed && need.mayBeAbsent && may(principal, need.attribute, null)) return
    throw unknownFeed(name ?? '')
  }
  demand(principal, false, need.attribute, ` in ${feed.name}`)
}

async function admitToPart(
  { db }: NeedDeps,
  need: Extract<Need, { kind: 'partOfFeed' }>,
  sent: Sent,
  principal: Principal,
): Promise<void> {
  const name = fieldOf(sent, need.feed)
  const feed = name === undefined ? undefined : await findFeed(db, name)
  if (feed && canSee(principal, feed)) return
  throw principal.kind === 'anonymous' ? loginNeeded() : unknownFeed(name ?? '')
}

async function admitToRepository(
  { db }: NeedDeps,
  need: Extract<Need, { kind: 'repository' }>,
  sent: Sent,
  principal: Principal,
): Promise<void> {
  const name = fieldOf(sent, { in: need.in, name: 'feed' }) ?? ''
  const repository = fieldOf(sent, { in: need.in, name: 'repo' }) ?? ''
  const feed = name === '' ? undefined : await findFeed(db, name)
  const isVisible = feed !== undefined && canSeeRepository(principal, feed, repository)
  const subject = feed && subjectOf(feed, repository)
  const missing = need.attributes.find((each) => !(subject && may(principal, each, subject)))
  if (isVisible && missing === undefined) return
  if (principal.kind === 'anonymous') throw loginNeeded()
  if (!isVisible) throw unknownRepository(name, repository)
  demand(principal, false, missing ?? '', ` in ${name}/${repository}`)
}

async function admitToNewFeed(
  deps: NeedDeps,
  { attribute, feedGroup }: Extract<Need, { kind: 'newFeed' }>,
  sent: Sent,
  principal: Principal,
): Promise<void> {
  const name = fieldOf(sent, feedGroup)
  const feedGroupId = name === undefined ? undefined : await findFeedGroupId(deps, name)
  // No feed has the number 0: what is given for one feed alone does not count.
  const subject = { feedId: 0, feedGroupId: feedGroupId ?? null }
  demand(principal, may(principal, attribute, subject), attribute, ' for new registries there')
}

/** Undefined: there is none of that name. */
export async function findFeedGroupId({ db }: NeedDeps, name: string): Promise<number | undefined> {
  return (await findFeedGroupByKey(db.read, accessName(name).key))?.id
}

function fieldOf(sent: Sent, field: FeedField): string | undefined {
  const value = fieldsOf(sent[field.in])[field.name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Whether the caller is told that the feed exists. One that is not active is its managers' affair. */
export function canSee(principal: Principal, feed: Feed): boolean {
  const subject = { feedId: feed.id, feedGroupId: feed.feedGroupId }
  if (!feed.active && !may(principal, 'Admin_ManageFeed', subject)) return false
  return seesFeed(principal, subject)
}

/** The same of a repository, which need not be there. */
export function canSeeRepository(principal: Principal, feed: Feed, repository: string): boolean {
  return canSee(principal, feed) && may(principal, 'Feeds_ViewFeed', subjectOf(feed, repository))
}

/** The same words for a repository, or a feed, that is not there and for one not to be seen. */
export function unknownRepository(feed: string, repository: string): RegistryError {
  const name = `${feed.slice(0, 120)}/${repository.slice(0, 255)}`
  return new RegistryError(
    'NAME_UNKNOWN',
    `There is no repository ${name} here, or you may not see it.`,
  )
}

/** The same words for a feed that is not there and for one that the caller may not see. */
export function unknownFeed(name: string): RegistryError {
  return new RegistryError('NAME_UNKNOWN', `There is no registry named "${name.slice(0, 120)}".`)
}

export function loginNeeded(): RegistryError {
  return new RegistryError(
    'UNAUTHORIZED',
    'Log in, or send an API key as X-ApiKey: Anonymous may not do this.',
  )
}

/** Throws DENIED unless the principal has the attribute there. */
export function demandAt(principal: Principal, attribute: FeedAttribute, subject: Subject): void {
  demand(principal, may(principal, attribute, subject), attribute, ' there')
}

/** The same of what counts for the whole server. */
export function demandServer(principal: Principal, attribute: ServerAttribute): void {
  demand(principal, may(principal, attribute, null), attribute)
}

function demand(principal: Principal, allowed: boolean, attribute: string, where = ''): void {
  if (!allowed) throw refusal(principal, `it needs ${attribute}${where}`)
}

/** For keys in ProGet's words first. */
function refusal(principal: Principal, because: string): RegistryError {
  if (principal.kind === 'anonymous') return loginNeeded()
  const who =
    principal.kind === 'key'
      ? 'The specified API key does not have the proper permissions to perform this action'
      : `${principal.name} may not do this`
  return new RegistryError('DENIED', `${who}: ${because}.`)
}
