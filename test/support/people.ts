import { setTimeout as sleep } from 'node:timers/promises'
import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import { askApi, clientOf, cookieOf } from './api-call.ts'
import { fetchToken } from './rows.ts'
import { basic, type RequestHeaders, send } from './wire.ts'

export interface ServerAddress {
  readonly url: string
  /** The Authorization header of an administrator. */
  readonly admin: string
}

/** A user with a password, as tests make them. */
export interface Person {
  readonly name: string
  readonly password: string
  readonly authorization: string
}

interface Rule {
  readonly task: string
  readonly feed?: string
  readonly feedGroup?: string
  readonly repositories?: string
}

/** The built-in tasks. */
export const tasks = {
  administer: 'Administer',
  manage: 'Manage Feed',
  publish: 'Publish Packages',
  view: 'View & Download Packages',
} as const

/** Rules, users and keys are looked up anew after a second. */
export async function untilRulesAreNew(): Promise<void> {
  await sleep(1100)
}

/** Adds a user and gives it these rights, which count a second later at most. */
export async function addPerson(
  server: ServerAddress,
  name: string,
  ...rules: readonly Rule[]
): Promise<Person> {
  const admin = clientOf(server.url, server.admin)
  const password = `the long password of ${name}`
  await call(admin, api.securityUsers.add, { body: { name, password } })
  for (const rule of rules) await allow(server, { user: name, ...rule })
  return { name, password, authorization: basic(name, password) }
}

export async function allow(
  server: ServerAddress,
  rule: Rule & { readonly user?: string; readonly group?: string; readonly deny?: boolean },
): Promise<number> {
  const admin = clientOf(server.url, server.admin)
  return (await call(admin, api.securityPermissions.add, { body: rule })).id
}

export function adminOf(server: ServerAddress): Client {
  return clientOf(server.url, server.admin)
}

/** A personal key of the user, made by the user. */
export async function addPersonalKey(
  server: ServerAddress,
  person: Person,
): Promise<{ readonly id: number; readonly key: string }> {
  const { id, key } = await call(clientOf(server.url, person.authorization), api.apiKeys.create, {
    body: { type: 'personal' },
  })
  return { id, key: key ?? '' }
}

/** The cookie of a new session; '' where none began. */
export async function logIn(
  { url }: Pick<ServerAddress, 'url'>,
  { name, password }: Pick<Person, 'name' | 'password'>,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const json = { userName: name, password }
  return cookieOf(await askApi(url, { target: '/api/sessions/login', headers, json }))
}

/** A Bearer header with a token for these scopes. */
export async function tokenFor(
  { url }: ServerAddress,
  authorization: string | undefined,
  ...scopes: readonly string[]
): Promise<string> {
  return `Bearer ${await fetchToken(url, authorization, scopes)}`
}

/** What `docker login` keeps. */
export async function identityTokenOf(
  { url }: ServerAddress,
  authorization: string,
): Promise<string> {
  const target = '/v2/_auth?service=registry&offline_token=true'
  const answer = await send(url, { method: 'GET', target, headers: { authorization } })
  const { refresh_token: token } = JSON.parse(answer.body.toString('utf8')) as {
    readonly refresh_token?: string
  }
  if (token === undefined) throw new Error(`no identity token: ${answer.status}`)
  return token
}

/** The status of a GET on the wire. */
export async function statusOf(
  { url }: ServerAddress,
  target: string,
  headers: RequestHeaders = {},
): Promise<number> {
  return (await send(url, { method: 'GET', target, headers })).status
}
