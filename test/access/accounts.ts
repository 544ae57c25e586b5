import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import { pageHeaders } from '../support/api-call.ts'
import { clientId, clientSecret, startOidcProvider } from '../support/oidc-provider.ts'
import { untilRulesAreNew } from '../support/people.ts'
import type { Found } from '../support/require.ts'
import type { TestServer } from '../support/server.ts'
import { group, groupsBase, ldapSettings, person, service, startSlapd } from '../support/slapd.ts'
import { basic, send } from '../support/wire.ts'
import { logInByProvider } from './provider-login.ts'
import {
  directoryRules,
  feedGroups,
  feeds,
  groups,
  overwrite,
  ownRules,
  ownTasks,
  users,
} from './world.ts'

/** What somebody types, or a script has. */
export type Secret =
  | { readonly kind: 'password'; readonly userName: string; readonly password: string }
  | { readonly kind: 'key'; readonly key: string }

/** What is there once, for all. */
export interface Accounts {
  /** By the principal's name. */
  readonly secrets: ReadonlyMap<string, Secret>
  /** The session that the provider's user began in a browser: its cookie. */
  readonly olgasCookie: string
  /** Numbers of keys that stay: a personal one of each of the two, and a `feed` key. */
  readonly keys: { readonly publisher: number; readonly Admin: number; readonly feed: number }
  /** Makes those good for nothing that are to be. */
  takeAway(): Promise<void>
}

export interface AccountDeps {
  readonly server: Pick<TestServer, 'url' | 'adminPassword'>
  readonly admin: Client
  readonly slapd: Found
  /** What has to be closed in the end. */
  readonly closers: (() => PromiseLike<void>)[]
}

const lindasPassword = 'the password that LDAP has'

/** Everybody and every rule of the world, made with the management API. */
export async function createAccounts(deps: AccountDeps): Promise<Accounts> {
  const { server, admin, slapd } = deps
  const secrets = new Map<string, Secret>()
  const passwordIs = (name: string, userName: string, password: string) =>
    secrets.set(name, { kind: 'password', userName, password })
  passwordIs('Admin', 'Admin', server.adminPassword)
  passwordIs('a wrong password', 'Admin', 'a wrong password')
  passwordIs('a name that nobody has', 'nobody-has-it', 'some password')
  secrets.set('a wrong key', { kind: 'key', key: `ent_${'A'.repeat(43)}` })
  for (const name of users) passwordIs(name, name, `the password of ${name}`)
  await createUsers(admin)
  if (!slapd.skip) passwordIs('linda, whom LDAP knows', 'linda', lindasPassword)
  const olgasCookie = await letDirectoriesIn(deps)
  const rules = [...ownRules, ...(slapd.skip ? [] : directoryRules.linda), ...directoryRules.olga]
  for (const body of rules) await call(admin, api.securityPermissions.add, { body })
  const made = await createKeys(admin, {
    baseUrl: server.url,
    headers: pageHeaders(server.url, olgasCookie),
  })
  for (const [name, { key }] of made) secrets.set(name, { kind: 'key', key })
  const idOf = (name: string) => made.get(name)?.id ?? 0
  return {
    secrets,
    olgasCookie,
    keys: {
      publisher: idOf('a personal key of the publisher that only views'),
      Admin: idOf('a personal key of Admin'),
      feed: idOf('a feed key that views and adds'),
    },
    async takeAway() {
      const query = (name: string) => ({ query: { id: String(idOf(name)) } })
      const expired = { ...query('a key that has expired'), body: { expiration: '2020-01-01' } }
      const off = { ...query('a key that is switched off'), body: { enabled: false } }
      await call(admin, api.apiKeys.update, expired)
      await call(admin, api.apiKeys.update, off)
      await call(admin, api.apiKeys.delete, query('a key that was deleted'))
      const body = { name: 'disabled', active: false }
      await call(admin, api.securityUsers.update, { body })
    },
  }
}

export async function createRegistries(admin: Client): Promise<void> {
  // The one that a fresh server has.
  await call(admin, api.feeds.delete, { params: { name: 'main' } })
  for (const name of feeds) {
    await call(admin, api.feeds.create, { body: { name, overwrite: overwrite[name] } })
  }
  for (const [name, inside] of Object.entries(feedGroups)) {
    await call(admin, api.feedGroups.create, { body: { name, feeds: [...inside] } })
  }
}

async function createUsers(admin: Client): Promise<void> {
  for (const [name, attributes] of Object.entries(ownTasks)) {
    await call(admin, api.securityTasks.add, { body: { name, attributes: [...attributes] } })
  }
  const add = (name: string) =>
    call(admin, api.securityUsers.add, { body: { name, password: `the password of ${name}` } })
  await Promise.all(users.map(add))
  for (const [name, members] of Object.entries(groups)) {
    await call(admin, api.securityGroups.add, { body: { name, users: [...members] } })
  }
}

/** The users of directories are there from their first login on. Returns the browser's cookie. */
async function letDirectoriesIn({ server, admin, slapd, closers }: AccountDeps): Promise<string> {
  const { url } = server
  const provider = await startOidcProvider([`${url}/auth/oidc/provider/callback`])
  closers.push(() => provider[Symbol.asyncDispose]())
  provider.accounts.set('sub-olga', { preferred_username: 'olga', groups: ['Ops'] })
  await call(admin, api.directories.add, {
    body: {
      ...{ name: 'provider', kind: 'oidc', secret: clientSecret },
      settings: { issuer: provider.issuer, clientId, scopes: ['profile', 'groups'] },
    },
  })
  if (!slapd.skip) await addLdap({ server, admin, slapd, closers })
  await untilRulesAreNew()
  if (!slapd.skip) {
    const authorization = basic('linda', lindasPassword)
    await send(url, { method: 'GET', target: '/v2/', headers: { authorization } })
  }
  return await logInByProvider(`${url}/auth/oidc/provider/start`, 'sub-olga')
}

async function addLdap({ admin, slapd, closers }: AccountDeps): Promise<void> {
  const linda = person({ uid: 'linda', password: lindasPassword })
  const running = await startSlapd(slapd, [linda, group('Devs', ['linda'])])
  closers.push(() => running[Symbol.asyncDispose]())
  await call(admin, api.directories.add, {
    body: {
      ...{ name: 'ldap', kind: 'ldap', secret: service.password },
      settings: { ...ldapSettings(running), groupSearchBase: groupsBase },
    },
  })
}

type Made = ReadonlyMap<string, { readonly id: number; readonly key: string }>
type NewKey = NonNullable<Parameters<typeof call<typeof api.apiKeys.create>>[2]>['body']

/** As the principals of the same names have them. */
async function createKeys(admin: Client, olga: Client): Promise<Made> {
  const made = new Map<string, { id: number; key: string }>()
  const create = async (name: string, client: Client, body: NewKey) => {
    const { id, key } = await call(client, api.apiKeys.create, body === undefined ? {} : { body })
    made.set(name, { id, key: key ?? '' })
  }
  const view: NewKey = { type: 'feed', feed: 'private', packagePermissions: ['view'] }
  const personal = { type: 'personal' } as const
  await create('olga, whom an OpenID Connect provider knows, with a personal key', olga, personal)
  await create('a feed key that views and adds', admin, {
    ...{ type: 'feed', feed: 'private', packagePermissions: ['view', 'add'] },
  })
  await create('a feed key that views and deletes in a group of registries', admin, {
    ...{ type: 'feed', feedGroup: 'Ours', packagePermissions: ['view', 'delete'] },
  })
  await create('a feed key kept to a pattern', admin, {
    ...{ type: 'feed', feed: 'private', repositories: 'team/*' },
  })
  await create('a system key with full control', admin, {
    ...{ type: 'system', systemApis: ['full-control'] },
  })
  await create('a system key for registries', admin, { type: 'system', systemApis: ['feeds'] })
  await create('a personal key of the publisher that only views', admin, {
    ...{ ...personal, user: 'publisher', packagePermissions: ['view'] },
  })
  await create('a personal key of Admin that only views', admin, {
    ...{ ...personal, packagePermissions: ['view'] },
  })
  await create('a personal key of Admin', admin, personal)
  await create('a key that has expired', admin, view)
  await create('a key that is switched off', admin, view)
  await create('a key that was deleted', admin, view)
  return made
}
