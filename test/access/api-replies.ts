import { isDeepStrictEqual } from 'node:util'
import { type Caller, everyAttribute, isAdministrator, may, type Place, sees } from './rules.ts'
import { builtInTasks, feeds, ownTasks, world } from './world.ts'

/** What is wrong with the reply; undefined: nothing. */
type Check = (reply: unknown, caller: Caller) => string | undefined

function differs(found: unknown, expected: unknown): string | undefined {
  if (isDeepStrictEqual(found, expected)) return undefined
  return `${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`
}

interface ShownFeed {
  readonly name: string
  readonly canPublish: boolean
}

const shownFeed = (name: string, caller: Caller): ShownFeed => ({
  name,
  canPublish: may(world, caller, 'Feeds_AddPackage', { feed: name, repository: null }),
})

export function checkFeed(feed: string): Check {
  return (reply, caller) => {
    const { name, canPublish } = reply as ShownFeed
    return differs({ name, canPublish }, shownFeed(feed, caller))
  }
}

/** "the answer is what the caller may see" */
export const checkFeeds: Check = (reply, caller) => {
  const found = (reply as ShownFeed[]).map(({ name, canPublish }) => ({ name, canPublish }))
  const seen = feeds.filter((feed) => sees(world, caller, feed))
  return differs(
    found,
    seen.map((feed) => shownFeed(feed, caller)),
  )
}

export const checkNewKey: Check = (reply, caller) => {
  const { type, user, key } = reply as { type: string; user: string; key: string }
  const name = caller.kind === 'user' ? caller.name : ''
  return differs([type, user, key.slice(0, 4)], ['personal', name, 'ent_'])
}

/** Administrators see all; nobody else sees a key of somebody else, and nobody a secret. */
export const checkKeys: Check = (reply, caller) => {
  const keys = reply as readonly { type: string; user: string | null; key: string | null }[]
  if (keys.some(({ key }) => key !== null)) return 'a key is shown'
  const types = new Set(keys.map(({ type }) => type))
  if (isAdministrator(world, caller)) return differs(types.size, 3)
  const name = caller.kind === 'user' ? caller.name : null
  const others = keys.filter(({ type, user }) => type !== 'personal' || user !== name)
  return differs(others, [])
}

/** Of jobs and of runs. */
export function checkJobs(feed: string): Check {
  return (reply) => {
    const all = reply as readonly { feed: string | null }[]
    return differs(
      all.filter((each) => each.feed !== feed),
      [],
    )
  }
}

export function checkAudit(feed: string): Check {
  return (reply) => {
    const entries = reply as readonly { feed: string | null }[]
    return differs([...new Set(entries.map((entry) => entry.feed))], [feed])
  }
}

/** Each attribute, as the rules here have it. `user`: asked about by name. */
export function checkPrivileges(place: Place | null, user?: keyof Named): Check {
  return (reply, caller) => {
    const found = reply as readonly { attribute: string; allowed: boolean }[]
    const asked = user === undefined ? caller : named[user]
    const expected = everyAttribute.filter((each) => may(world, asked, each, place))
    const names = found.map(({ attribute }) => attribute)
    return (
      differs(names.toSorted(), everyAttribute.toSorted()) ??
      differs(
        found.flatMap(({ attribute, allowed }) => (allowed ? [attribute] : [])).toSorted(),
        expected.toSorted(),
      )
    )
  }
}

interface Named {
  readonly reader: Caller
  readonly patterned: Caller
}

const named: Named = {
  reader: { kind: 'user', name: 'reader', groups: [] },
  patterned: { kind: 'user', name: 'patterned', groups: [] },
}

export const checkWhoami: Check = (reply, caller) => {
  const { kind, user, administrator } = reply as {
    readonly kind: string
    readonly user: { readonly name: string; readonly groups: readonly string[] } | null
    readonly administrator: boolean
  }
  const isUser = caller.kind === 'user'
  const expectedKind = isUser || caller.kind === 'anonymous' ? caller.kind : 'key'
  return (
    differs([kind, administrator], [expectedKind, isAdministrator(world, caller)]) ??
    differs(
      user && [user.name, user.groups.toSorted()],
      isUser ? [caller.name, caller.groups.toSorted()] : null,
    )
  )
}

/** The tasks that the rules here speak of are made of what they say. */
export const checkTasks: Check = (reply) => {
  const tasks = reply as readonly { name: string; attributes: readonly string[] }[]
  const wrong = Object.entries({ ...builtInTasks, ...ownTasks }).filter(([name, attributes]) => {
    const found = tasks.find((task) => task.name === name)?.attributes ?? []
    return !isDeepStrictEqual(found.toSorted(), attributes.toSorted())
  })
  return differs(
    wrong.map(([name]) => name),
    [],
  )
}
