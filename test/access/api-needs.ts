import { type Attribute, type Caller, isAdministrator, may, type Place, sees } from './rules.ts'
import { absentFeed, feeds, type Repository, world } from './world.ts'

/** What a caller hears who may not. */
export interface Refusal {
  readonly status: number
  readonly code: string
}

/** Undefined: the caller may. `nobody`, with wrong credentials, is not asked about. */
export type Need = (caller: Caller) => Refusal | undefined

const loginNeeded: Refusal = { status: 401, code: 'UNAUTHORIZED' }
const denied: Refusal = { status: 403, code: 'DENIED' }
/** docs/api.md, 404: "not there; of a registry also: not for you to see, in the same words". */
const unknown: Refusal = { status: 404, code: 'NAME_UNKNOWN' }

export const anyone: Need = () => undefined

/** "any login or API key" */
export const known: Need = ({ kind }) => (kind === 'anonymous' ? loginNeeded : undefined)

/** "a user, by password or session" */
export const inPerson: Need = (caller) => unless(caller.kind === 'user', caller)

/** `Admin_ConfigureProGet` */
export const administrator: Need = (caller) => unless(isAdministrator(world, caller), caller)

/** "an administrator; of a personal key also its user, by password or session" */
export function ownerOr(user: string): Need {
  return (caller) => (isInPerson(caller, user) ? undefined : administrator(caller))
}

/** "about the caller itself anyone; about others an administrator" */
export function about(user: string): Need {
  return ownerOr(user)
}

/** `Admin_ManageFeed in the registry` */
export function manages(feed: string): Need {
  return inRegistry(feed, 'Admin_ManageFeed')
}

/** `Feeds_ViewFeed in the registry`: all of it. */
export function views(feed: string): Need {
  return inRegistry(feed, 'Feeds_ViewFeed')
}

/** `Feeds_ViewFeed`, `Feeds_DownloadPackage` in the repository: as for a pull. */
export function pulls({ feed, repository }: Pick<Repository, 'feed' | 'repository'>): Need {
  return (caller) => {
    const has = (attribute: 'Feeds_ViewFeed' | 'Feeds_DownloadPackage') =>
      isThere(feed) && may(world, caller, attribute, { feed, repository })
    if (has('Feeds_ViewFeed') && has('Feeds_DownloadPackage')) return undefined
    if (caller.kind === 'anonymous') return loginNeeded
    return has('Feeds_ViewFeed') ? denied : unknown
  }
}

/** To whoever may view nothing in it a registry is not there. */
export function knowsOf(feed: string): Need {
  return (caller) => {
    if (isThere(feed) && sees(world, caller, feed)) return undefined
    return caller.kind === 'anonymous' ? loginNeeded : unknown
  }
}

/** Attributes in one repository: who may not view it hears what an absent one answers. */
export function inRepository(place: Place, ...attributes: readonly Attribute[]): Need {
  return (caller) => {
    const has = (each: Attribute) => isThere(place.feed) && may(world, caller, each, place)
    if (has('Feeds_ViewFeed') && attributes.every(has)) return undefined
    if (caller.kind === 'anonymous') return loginNeeded
    return has('Feeds_ViewFeed') ? denied : unknown
  }
}

/** "Anonymous who may view nothing hears 401." */
export const seesSomething: Need = (caller) => {
  const any = feeds.some((feed) => sees(world, caller, feed))
  return any || caller.kind !== 'anonymous' ? undefined : loginNeeded
}

/** "Who has `Admin_ManageFeed` everywhere makes registries; who has it for a feed group, in that group." */
export function makesRegistries(feedGroup: string | null): Need {
  return (caller) => {
    const inside = feedGroup === null ? {} : { [feedGroup]: ['made'] }
    const place = { feed: 'made', repository: null }
    const allowed = may({ ...world, feedGroups: inside }, caller, 'Admin_ManageFeed', place)
    return unless(allowed, caller)
  }
}

/** As for one that is there, but whoever manages all registries hears that it is gone. */
export function managesAbsent(caller: Caller): Refusal | undefined {
  if (may(world, caller, 'Admin_ManageFeed', null)) return undefined
  return knowsOf(absentFeed)(caller)
}

/** All of them. */
export function every(...needs: readonly Need[]): Need {
  return (caller) => needs.map((need) => need(caller)).find((refusal) => refusal !== undefined)
}

function inRegistry(feed: string, attribute: 'Feeds_ViewFeed' | 'Admin_ManageFeed'): Need {
  return (caller) => {
    const has = isThere(feed) && may(world, caller, attribute, { feed, repository: null })
    return has ? undefined : (knowsOf(feed)(caller) ?? unless(false, caller))
  }
}

function unless(allowed: boolean, { kind }: Caller): Refusal | undefined {
  if (allowed) return undefined
  return kind === 'anonymous' ? loginNeeded : denied
}

function isThere(feed: string): boolean {
  return feed !== absentFeed
}

function isInPerson(caller: Caller, user: string): boolean {
  return caller.kind === 'user' && caller.name === user
}
