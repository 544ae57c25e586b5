import type { Caller, UserCaller } from './rules.ts'
import { groups, type users } from './world.ts'

/** How a principal shows on `/v2` who it is. */
export type WireWay = 'nothing' | 'Basic' | 'Bearer' | 'Bearer without scopes'
/** How it shows that to the management API. */
export type ApiWay = 'nothing' | 'Basic' | 'X-ApiKey' | 'session' | 'Bearer'

export interface Principal {
  readonly name: string
  /** As what the rules see it. */
  readonly caller: Caller
  readonly wire: readonly WireWay[]
  readonly api: readonly ApiWay[]
  /** Without an OpenLDAP server it cannot be. */
  readonly ofLdap?: true
}

type OwnUser = (typeof users)[number] | 'Admin'

function userCaller(name: string, directoryGroups: readonly string[] = []): UserCaller {
  const own = Object.entries(groups).flatMap(([group, members]) =>
    (members as readonly string[]).includes(name) ? [group] : [],
  )
  return { kind: 'user', name, groups: [...own, ...directoryGroups] }
}

function user(name: OwnUser, more: Partial<Principal> = {}): Principal {
  const caller = userCaller(name)
  return { name, caller, wire: ['Basic'], api: ['Basic'], ...more }
}

/** Everybody of the matrix. What each has to show is made by the stage, under the same name. */
export const principals: readonly Principal[] = [
  user('Admin', { wire: ['Basic', 'Bearer'], api: ['Basic', 'session'] }),
  user('operator', { api: ['session'] }),
  user('publisher', {
    wire: ['Basic', 'Bearer', 'Bearer without scopes'],
    api: ['Basic', 'X-ApiKey', 'session'],
  }),
  user('reader', { api: ['Basic', 'session'] }),
  user('barred', { wire: ['Basic', 'Bearer'] }),
  user('member', { wire: ['Bearer'] }),
  user('outcast'),
  user('exempt'),
  user('patterned', { wire: ['Basic', 'Bearer'], api: ['session'] }),
  user('looker', { wire: ['Bearer'] }),
  user('steward'),
  user('keeper'),
  user('tidy', { wire: ['Bearer'] }),
  {
    ...{ name: 'linda, whom LDAP knows', caller: userCaller('linda', ['Devs']), ofLdap: true },
    ...{ wire: ['Basic', 'Bearer'], api: ['Basic', 'session'] },
  },
  {
    name: 'olga, whom an OpenID Connect provider knows, with a personal key',
    caller: { kind: 'personal key', user: userCaller('olga', ['Ops']) },
    ...{ wire: ['Bearer'], api: ['X-ApiKey'] },
  },
  {
    ...{ name: 'olga in her browser', caller: userCaller('olga', ['Ops']) },
    ...{ wire: [], api: ['session'] },
  },
  {
    name: 'a feed key that views and adds',
    caller: { kind: 'feed key', feed: 'private', permissions: ['view', 'add'] },
    ...{ wire: ['Basic', 'Bearer'], api: ['Basic', 'X-ApiKey'] },
  },
  {
    name: 'a feed key that views and deletes in a group of registries',
    caller: { kind: 'feed key', feedGroup: 'Ours', permissions: ['view', 'delete'] },
    ...{ wire: ['Basic'], api: ['X-ApiKey'] },
  },
  {
    name: 'a feed key kept to a pattern',
    caller: {
      ...{ kind: 'feed key', feed: 'private', repositories: 'team/*' },
      permissions: ['view', 'add', 'promote', 'delete'],
    },
    ...{ wire: ['Basic', 'Bearer'], api: ['X-ApiKey'] },
  },
  {
    name: 'a system key with full control',
    caller: { kind: 'system key', apis: 'full-control' },
    ...{ wire: ['Basic'], api: ['X-ApiKey'] },
  },
  {
    name: 'a system key for registries',
    caller: { kind: 'system key', apis: 'feeds' },
    ...{ wire: ['Bearer'], api: ['X-ApiKey'] },
  },
  {
    name: 'a personal key of the publisher that only views',
    caller: { kind: 'personal key', user: userCaller('publisher'), permissions: ['view'] },
    ...{ wire: ['Basic', 'Bearer'], api: ['X-ApiKey'] },
  },
  {
    name: 'a personal key of Admin that only views',
    caller: { kind: 'personal key', user: userCaller('Admin'), permissions: ['view'] },
    ...{ wire: ['Basic'], api: ['X-ApiKey'] },
  },
  {
    name: 'a personal key of Admin',
    caller: { kind: 'personal key', user: userCaller('Admin') },
    ...{ wire: ['Basic'], api: ['X-ApiKey'] },
  },
  {
    ...{ name: 'Anonymous', caller: { kind: 'anonymous' } },
    ...{ wire: ['nothing', 'Bearer', 'Bearer without scopes'], api: ['nothing'] },
  },
  nobody('a key that has expired'),
  nobody('a key that is switched off'),
  nobody('a key that was deleted'),
  nobody('disabled', { api: ['Basic', 'session'] }),
  nobody('a wrong password', { wire: ['Basic'], api: ['Basic'] }),
  nobody('a name that nobody has', { wire: ['Basic'], api: ['Basic'] }),
  nobody('a wrong key', { wire: ['Basic'] }),
  nobody('a token that was tampered with', { wire: ['Bearer'], api: [] }),
  nobody('a good token of /v2, for the management API', { wire: [], api: ['Bearer'] }),
]

/** What once was good, or never: tokens and sessions are from the time when it was. */
function nobody(name: string, more: Partial<Principal> = {}): Principal {
  const caller = { kind: 'nobody' } as const
  return { name, caller, wire: ['Basic', 'Bearer'], api: ['X-ApiKey'], ...more }
}

/** Each gets tags, uploads and targets of its own, so that the order of principals is nothing. */
export function numberOf(principal: Principal, way: WireWay): number {
  const all = principals.flatMap((each) => each.wire.map((one) => `${each.name} ${one}`))
  return all.indexOf(`${principal.name} ${way}`)
}
