import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Accounts, basic, openAccounts } from '../../../test/support/accounts.ts'
import { sqliteDatabases } from '../../../test/support/databases.ts'
import { createApiKey, revokeApiKey } from '../../auth/api-key.ts'
import { setPassword } from '../../db/users.ts'
import { RegistryError } from '../../domain/errors.ts'
import { changeFeed, openFeeds } from '../../registry/feeds.ts'
import { sendJson } from './reply.ts'
import { createTokenEndpoint } from './token.ts'

const databases = sqliteDatabases()
const password = 'correct: horse €'
const service = 'registry.example.test'
let accounts: Accounts
let server: Server
let viewKey: string
let pushKey: string

beforeAll(async () => {
  accounts = await openAccounts(await databases.open())
  await accounts.addUser('Admin', password, true)
  await accounts.addUser('plain', password)
  await accounts.addFeed('Main', ['old-name'])
  await accounts.addFeed('other')
  await accounts.addFeed('off')
  await changeFeed({ db: accounts.db, by: 'test' }, 'off', { active: false })
  const key = async (...permissions: ('view' | 'add')[]) =>
    (await createApiKey(accounts, { type: 'feed', feed: 'main', permissions })).key
  viewKey = await key('view')
  pushKey = await key('view', 'add')
  server = await listen(accounts)
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

/** The endpoint behind nothing but a socket. */
async function listen({ db, authenticator, tokens }: Accounts): Promise<Server> {
  // Each request comes seconds after the one before.
  let time = 0
  const feeds = openFeeds(db, () => {
    time += 2000
    return time
  })
  const endpoint = createTokenEndpoint({ db, authenticator, tokens, feeds })
  const listening = createServer((req, res) => {
    const url = new URL(req.url ?? '', 'http://localhost')
    const patience = { bodyIdleMs: 5_000, wholeBodyMs: 5_000, replyStalledMs: 5_000 }
    const caller = { baseUrl: `http://${service}`, service, address: '127.0.0.1' }
    const exchange = { req, res, path: url.pathname, query: url.searchParams, caller, patience }
    endpoint(exchange).catch((error) => {
      if (!(error instanceof RegistryError)) throw error
      const { status, headers, wireCode: code, message } = error
      sendJson(res, status, headers, { errors: [{ code, message }] })
    })
  })
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return listening
}

interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly json: Record<string, unknown>
}

async function call(query: string, init: RequestInit = {}): Promise<Reply> {
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/v2/_auth${query}`, init)
  const json = (await response.json()) as Record<string, unknown>
  return { status: response.status, headers: response.headers, json }
}
const get = (query: string, authorization?: string) =>
  call(`?service=${service}${query}`, authorization ? { headers: { authorization } } : {})
const post = (fields: Record<string, string>) =>
  call('', { method: 'POST', body: new URLSearchParams(fields) })

const admin = basic('Admin', password)
const pull = 'repository:main/app:pull'
const both = 'repository:main/app:pull,push'

/** The access in the token of a reply, as `main/app:pull,push`. */
async function accessOf(reply: Reply): Promise<string[]> {
  expect(reply.status, JSON.stringify(reply.json)).toBe(200)
  const { access } = await accounts.tokens.verify(String(reply.json.token), service)
  return access.map(({ name, actions }) => `${name}:${actions.join(',')}`)
}

test('the answer has all that clients look for', async () => {
  const reply = await get(`&scope=${pull}&account=Admin&client_id=docker`, admin)
  expect(reply.status).toBe(200)
  expect(reply.headers.get('content-type')).toBe('application/json')
  expect(reply.headers.get('cache-control')).toBe('no-store')
  expect(reply.json).toEqual({
    token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    access_token: reply.json.token,
    expires_in: 300,
    issued_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
  })
  const identity = await accounts.authenticator.authenticate(`Bearer ${reply.json.token}`, service)
  expect(identity.principal.name).toBe('Admin')
})

describe('GET', () => {
  const everything = [
    'repository:other/app:push',
    both,
    'registry:catalog:*',
    'repository:nosuch/app:pull',
  ]
  const rows: readonly [name: string, scopes: string[], as: () => string | undefined, string[]][] =
    [
      ['no scope', [], () => admin, []],
      ['pull', [pull], () => admin, ['main/app:pull']],
      ['repeated', [pull, 'repository:main/b:pull'], () => admin, ['main/app:pull', 'main/b:pull']],
      [
        'spaces',
        [`${pull} repository:main/b:*`],
        () => admin,
        ['main/app:pull', 'main/b:pull,push,delete'],
      ],
      [
        'the order of the request',
        everything,
        () => admin,
        ['other/app:push', 'main/app:pull,push', 'catalog:*'],
      ],
      ['the name as requested', ['repository:MAIN/app:pull'], () => admin, ['MAIN/app:pull']],
      ['an alternate name', ['repository:old-name/app:pull'], () => admin, ['old-name/app:pull']],
      [
        'a key that may view',
        everything,
        () => basic('api', viewKey),
        ['main/app:pull', 'catalog:*'],
      ],
      [
        'a key that may push',
        everything,
        () => basic('API', pushKey),
        ['main/app:pull,push', 'catalog:*'],
      ],
      [
        '* of a key that may view',
        ['repository:main/app:*'],
        () => basic('api', viewKey),
        ['main/app:pull'],
      ],
      ['a user without rights', everything, () => basic('plain', password), ['catalog:*']],
      ['Anonymous', everything, () => undefined, []],
      ['a feed that is off', ['repository:off/app:pull'], () => admin, []],
      ['a feed that is not there', ['repository:nosuch/app:pull'], () => admin, []],
      ['a feed alone', ['repository:main:pull'], () => admin, []],
      [
        'nonsense',
        ['x', 'a:b:c:d', 'repository:main/A:pull', pull],
        () => admin,
        ['main/app:pull'],
      ],
    ]
  test.each(rows)('scopes: %s', async (_name, scopes, as, access) => {
    const query = scopes.map((scope) => `&scope=${encodeURIComponent(scope)}`).join('')
    expect(await accessOf(await get(query, as()))).toEqual(access)
  })

  test.each([
    ['a wrong password', basic('Admin', 'wrong')],
    ['an unknown user', basic('nobody', password)],
    ['an unknown key', basic('api', `ent_${'x'.repeat(43)}`)],
    ['an empty login', basic('', '')],
    ['a malformed header', 'Basic !'],
    ['an unknown scheme', 'Digest x'],
    ['a forged token', 'Bearer a.b.c'],
  ])('%s is 401, never a token for Anonymous', async (_name, authorization) => {
    const reply = await get(`&scope=${pull}`, authorization)
    expect(reply.status).toBe(401)
    expect(reply.json).toEqual({ errors: [{ code: 'UNAUTHORIZED', message: expect.any(String) }] })
  })

  test('a token buys no other token', async () => {
    const { json } = await get(`&scope=${pull}`, admin)
    const reply = await get(`&scope=${both}`, `Bearer ${json.token}`)
    expect(reply.status).toBe(401)
    expect(reply.json).not.toHaveProperty('token')
  })

  test('an identity token is given only to who asks, and not to Anonymous', async () => {
    expect((await get('', admin)).json).not.toHaveProperty('refresh_token')
    expect((await get('&offline_token=false', admin)).json).not.toHaveProperty('refresh_token')
    expect((await get('&offline_token=true')).json).not.toHaveProperty('refresh_token')
    expect((await get('&offline_token=true', admin)).json).toHaveProperty('refresh_token')
  })
})

describe('POST', () => {
  const login = { grant_type: 'password', username: 'Admin', password, client_id: 'test' }

  test('a password', async () => {
    const scope = `${pull} repository:other/app:pull,push`
    const reply = await post({ ...login, scope })
    expect(await accessOf(reply)).toEqual(['main/app:pull', 'other/app:pull,push'])
    expect(reply.json).not.toHaveProperty('refresh_token')
  })

  test('an API key', async () => {
    const reply = await post({ ...login, username: 'api', password: viewKey, scope: both })
    expect(await accessOf(reply)).toEqual(['main/app:pull'])
  })

  test('an identity token, from GET and from POST, gives tokens again and again', async () => {
    const fromGet = await get('&offline_token=true&client_id=docker', basic('api', pushKey))
    const fromPost = await post({ ...login, access_type: 'offline' })
    for (const { json } of [fromGet, fromPost, fromGet]) {
      const reply = await post({
        grant_type: 'refresh_token',
        refresh_token: String(json.refresh_token),
        access_type: 'offline',
        scope: both,
      })
      expect(await accessOf(reply)).toEqual(['main/app:pull,push'])
      expect(reply.json).not.toHaveProperty('refresh_token')
    }
  })

  test('an identity token ends with its credentials', async () => {
    const id = await accounts.addUser('leaving', password)
    const { id: keyId, key } = await createApiKey(accounts, { type: 'system' })
    const asUser = await get('&offline_token=true', basic('leaving', password))
    const asKey = await get('&offline_token=true', basic('api', key))
    const passwordHash = await accounts.passwords.hash('another one')
    await accounts.db.write(setPassword, { userId: id, passwordHash })
    await revokeApiKey(accounts, keyId)
    accounts.pass(1000)
    for (const { json } of [asUser, asKey]) {
      const refresh_token = String(json.refresh_token)
      const reply = await post({ grant_type: 'refresh_token', refresh_token })
      expect(reply).toMatchObject({ status: 401, json: { errors: [{ code: 'UNAUTHORIZED' }] } })
    }
  })

  test.each<[name: string, fields: Record<string, string>, status: number]>([
    ['a wrong password', { ...login, password: 'wrong' }, 401],
    ['an empty password', { ...login, password: '' }, 401],
    ['an unknown user', { ...login, username: 'nobody' }, 401],
    ['an unknown identity token', { grant_type: 'refresh_token', refresh_token: 'forged' }, 401],
    ['an empty identity token', { grant_type: 'refresh_token', refresh_token: '' }, 401],
    ['no password', { grant_type: 'password', username: 'Admin' }, 400],
    ['no user name', { grant_type: 'password', password }, 400],
    ['no identity token', { grant_type: 'refresh_token' }, 400],
    ['another grant', { ...login, grant_type: 'client_credentials' }, 400],
    ['no grant', { username: 'Admin', password }, 400],
    ['nothing', {}, 400],
  ])('%s is refused', async (_name, fields, status) => {
    const reply = await post({ ...fields, scope: pull })
    expect(reply.status).toBe(status)
    expect(reply.json).not.toHaveProperty('token')
    expect(JSON.stringify(reply.json)).not.toContain(password)
  })

  test.each([
    ['JSON', 'application/json', JSON.stringify(login)],
    ['a multipart form', 'multipart/form-data; boundary=x', '--x--'],
    ['no type', '', new URLSearchParams(login).toString()],
  ])('%s is refused with what to send', async (_name, type, body) => {
    const init = { method: 'POST', headers: { 'content-type': type }, body }
    const reply = await call('', init)
    expect(reply.status).toBe(400)
    expect(JSON.stringify(reply.json)).toContain('application/x-www-form-urlencoded')
  })

  const form = { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=UTF-8' }
  test('the type of a form may be written otherwise', async () => {
    const body = new URLSearchParams(login).toString()
    expect((await call('', { method: 'POST', headers: form, body })).status).toBe(200)
  })

  test('a form that is not UTF-8 is refused', async () => {
    const body = Uint8Array.of(0x61, 0x3d, 0xff)
    expect((await call('', { method: 'POST', headers: form, body })).status).toBe(400)
  })

  test('a form of 64 KiB is read, a longer one is refused', async () => {
    const text = `${new URLSearchParams(login)}&scope=`
    const fits = text + 'x'.repeat(64 * 1024 - text.length)
    expect((await call('', { method: 'POST', headers: form, body: fits })).status).toBe(200)
    const reply = await call('', { method: 'POST', headers: form, body: `${fits}x` })
    expect(reply.status).toBe(400)
    expect(reply.headers.get('connection')).toBe('close')
  })

  test('an endless form without a length is cut off', async () => {
    const { port } = server.address() as AddressInfo
    const req = request({ port, host: '127.0.0.1', path: '/v2/_auth', method: 'POST' })
    req.setHeader('content-type', 'application/x-www-form-urlencoded')
    req.on('error', () => {})
    const sending = setInterval(() => req.write('x'.repeat(16 * 1024)), 1)
    const [response] = await once(req, 'response')
    clearInterval(sending)
    req.destroy()
    expect(response.statusCode).toBe(400)
  })
})

test.each(['PUT', 'DELETE', 'PATCH'])('%s is not supported', async (method) => {
  const reply = await call('', { method })
  expect(reply.status).toBe(405)
  expect(reply.headers.get('allow')).toBe('GET, POST')
})
