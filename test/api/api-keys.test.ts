import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic } from '../support/wire.ts'

const password = 'a long enough password'
let server: TestServer
let admin: Client
let ann: Client
let ben: Client
beforeAll(async () => {
  server = await startServer()
  admin = clientOf(server.url, server.admin)
  for (const name of ['Ann', 'Ben']) {
    await call(admin, api.securityUsers.add, { body: { name, password } })
  }
  ann = clientOf(server.url, basic('Ann', password))
  ben = clientOf(server.url, basic('Ben', password))
})
afterAll(() => server[Symbol.asyncDispose]())

const { apiKeys } = api
const withKey = (key: string | null) => clientOf(server.url, basic('api', key ?? ''))

test('a key is shown once, in the answer that makes it', async () => {
  const made = await call(admin, apiKeys.create, {
    body: {
      type: 'feed',
      feed: 'MAIN',
      packagePermissions: ['view'],
      displayName: 'ci',
      expiration: '2099-01-01',
      repositories: 'team/*',
    },
  })
  expect(made).toMatchObject({
    type: 'feed',
    feed: 'main',
    packagePermissions: ['view'],
    systemApis: [],
    expiration: '2099-01-01T00:00:00.000Z',
    repositories: 'team/*',
    createdBy: 'Admin',
    enabled: true,
  })
  expect(made.key).toMatch(/^ent_/)
  const listed = (await call(admin, apiKeys.list)).find(({ id }) => id === made.id)
  expect(listed).toEqual({ ...made, key: null })
})

test('everybody makes personal keys, sees and manages its own, and nobody else’s', async () => {
  const made = await call(ann, apiKeys.create, { body: { type: 'personal' } })
  expect(made.user).toBe('Ann')
  const named = await call(ann, apiKeys.create, { body: { type: 'personal', user: 'ANN' } })
  expect(named.user).toBe('Ann')
  await call(ann, apiKeys.delete, { query: { id: String(named.id) } })
  expect((await call(ann, apiKeys.list)).map(({ id }) => id)).toEqual([made.id])
  expect(await call(ben, apiKeys.list)).toEqual([])
  const query = { id: String(made.id) }
  const attempts = [
    call(ben, apiKeys.delete, { query }),
    call(ben, apiKeys.update, { query, body: { enabled: false } }),
    call(ben, apiKeys.rotate, { query }),
    call(ben, apiKeys.requests, { query }),
    call(ben, apiKeys.create, { body: { type: 'personal', user: 'Ann' } }),
    call(ben, apiKeys.create, { body: { type: 'system' } }),
    call(ben, apiKeys.create, { body: { type: 'feed', feed: 'main' } }),
  ]
  const refused = await Promise.all(attempts.map(problemOf))
  expect(refused.map(({ status }) => status)).toEqual(attempts.map(() => 403))
  await call(ann, apiKeys.delete, { query })
  expect(await call(ann, apiKeys.list)).toEqual([])
  expect((await problemOf(call(ben, apiKeys.delete, { query: { id: '99999' } }))).status).toBe(403)
})

test('a personal key cannot make keys, change the password or touch sessions', async () => {
  const made = await call(ann, apiKeys.create, { body: { type: 'personal' } })
  const client = withKey(made.key)
  expect((await call(client, api.sessions.whoami)).kind).toBe('key')
  const attempts = [
    call(client, apiKeys.create, { body: { type: 'personal' } }),
    call(client, apiKeys.delete, { query: { id: String(made.id) } }),
    call(client, api.sessions.list),
    call(client, api.sessions.logoutEverywhere),
    call(client, api.securityUsers.changePassword, {
      body: { password, newPassword: 'another long password' },
    }),
  ]
  const refused = await Promise.all(attempts.map(problemOf))
  expect(refused.map(({ status }) => status)).toEqual(attempts.map(() => 403))
})

test('what an administrator switched off, only an administrator switches on; its user may delete it', async () => {
  const made = await call(ann, apiKeys.create, { body: { type: 'personal' } })
  const query = { id: String(made.id) }
  const set = (by: Client, enabled: boolean) =>
    call(by, apiKeys.update, { query, body: { enabled } })
  // What the user switched off the user switches on.
  expect(await set(ann, false)).toMatchObject({ enabled: false })
  expect(await set(ann, true)).toMatchObject({ enabled: true })
  await set(ann, false)
  await set(admin, false)
  const again = await problemOf(set(ann, true))
  expect(again).toMatchObject({ status: 403, detail: expect.stringContaining('administrator') })
  // Other ways round are none.
  await set(ann, false)
  const named = call(ann, apiKeys.update, { query, body: { enabled: true, displayName: 'mine' } })
  expect((await problemOf(named)).status).toBe(403)
  const rotated = await call(ann, apiKeys.rotate, { query })
  expect((await problemOf(call(withKey(rotated.key), api.sessions.whoami))).status).toBe(401)
  const renamed = await call(ann, apiKeys.update, { query, body: { displayName: 'mine' } })
  expect(renamed).toMatchObject({ displayName: 'mine', enabled: false })
  expect(await set(admin, true)).toMatchObject({ enabled: true })
  expect(await set(ann, false)).toMatchObject({ enabled: false })
  expect(await set(ann, true)).toMatchObject({ enabled: true })
  await set(admin, false)
  await call(ann, apiKeys.delete, { query })
  expect(await call(ann, apiKeys.list)).not.toContainEqual(expect.objectContaining({ id: made.id }))
})

test('during a rotation both secrets are good; without overlap only the new one', async () => {
  const made = await call(ann, apiKeys.create, { body: { type: 'personal' } })
  const query = { id: String(made.id) }
  const works = async (key: string | null) =>
    (await call(withKey(key), api.sessions.whoami).catch(() => undefined)) !== undefined
  const second = await call(ann, apiKeys.rotate, { query })
  expect(second.key).not.toBe(made.key)
  expect(second.secondKeyExpires).not.toBeNull()
  expect([await works(made.key), await works(second.key)]).toEqual([true, true])
  const third = await call(ann, apiKeys.rotate, { query: { ...query, overlapHours: '0' } })
  await sleep(1000)
  expect([await works(made.key), await works(second.key), await works(third.key)]).toEqual([
    false,
    false,
    true,
  ])
})

const bad: readonly (readonly [field: string, body: Record<string, unknown>])[] = [
  ['feed', { type: 'feed' }],
  ['feed', { type: 'feed', feed: 'no feed' }],
  ['feedGroup', { type: 'feed', feed: 'main', feedGroup: 'x' }],
  ['systemApis', { type: 'feed', feed: 'main', systemApis: ['full-control'] }],
  ['packagePermissions', { type: 'system', packagePermissions: ['view'] }],
  ['packagePermissions', { type: 'feed', feed: 'main', packagePermissions: [] }],
  ['user', { type: 'feed', feed: 'main', user: 'Ann' }],
  ['user', { type: 'personal', user: 'nobody' }],
  ['repositories', { type: 'feed', feed: 'main', repositories: 'A//b' }],
  ['expiration', { type: 'system', expiration: 'tomorrow' }],
  ['displayName', { type: 'system', displayName: 'a\nb' }],
]
test.for(bad)('a key with a bad %s is 422: %o', async ([field, body]) => {
  const made = call(admin, apiKeys.create, { body: body as { type: 'system' } })
  expect(await problemOf(made)).toMatchObject({ status: 422, errors: [{ field }] })
})

test('a system key for feeds alone makes registries and gives nobody rights', async () => {
  const made = await call(admin, apiKeys.create, {
    body: { type: 'system', systemApis: ['feeds'] },
  })
  const client = withKey(made.key)
  expect((await call(client, api.feeds.create, { body: { name: 'by-key' } })).name).toBe('by-key')
  const give = call(client, api.securityPermissions.add, {
    body: { task: 'Administer', user: 'Ann' },
  })
  expect((await problemOf(give)).status).toBe(403)
})

test('what a key was used for is kept where its logging says so, without the query', async () => {
  const made = await call(admin, apiKeys.create, { body: { type: 'system', logging: 'request' } })
  const query = { id: String(made.id) }
  const target = `${server.url}/api/settings/list?showAll=true&key=${made.key}`
  expect((await fetch(target)).status).toBe(200)
  const list = () => call(admin, apiKeys.requests, { query })
  await expect.poll(list, { timeout: 10_000, interval: 300 }).toEqual([
    expect.objectContaining({
      method: 'GET',
      path: '/api/settings/list',
      status: 200,
      address: '127.0.0.1',
    }),
  ])
  const listed = (await call(admin, apiKeys.list)).find(({ id }) => id === made.id)
  expect(listed).toMatchObject({ lastUsedAddress: '127.0.0.1', lastUsed: expect.any(String) })
})

test('an empty list of permissions never gives a personal key all of its user', async () => {
  const refused = {
    errors: [
      { field: 'packagePermissions', message: expect.stringContaining('needs at least one of') },
    ],
  }
  const none = call(ann, apiKeys.create, { body: { type: 'personal', packagePermissions: [] } })
  expect(await problemOf(none)).toMatchObject(refused)
  const part = await call(ann, apiKeys.create, {
    body: { type: 'personal', packagePermissions: ['view'] },
  })
  const query = { id: String(part.id) }
  for (const body of [{ packagePermissions: [] }, { systemApis: [] }]) {
    expect(await problemOf(call(ann, apiKeys.update, { query, body }))).toMatchObject(refused)
  }
  const kept = (await call(ann, apiKeys.list)).find(({ id }) => id === part.id)
  expect(kept).toMatchObject({ packagePermissions: ['view'] })
})
