import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic, send } from '../support/wire.ts'

const password = 'a long enough password'
let server: TestServer
let admin: Client
beforeAll(async () => {
  server = await startServer()
  admin = clientOf(server.url, server.admin)
  await call(admin, api.securityUsers.add, {
    body: { name: 'Other', password: 'a long enough password' },
  })
})
afterAll(() => server[Symbol.asyncDispose]())

const { apiKeys, feedGroups, feeds, securityGroups, securityPermissions, securityUsers } = api
const absent = 'No such name'
const rule = { task: 'Administer', user: 'Admin' }
const unknown: readonly (readonly [what: string, field: string, ask: () => Promise<unknown>])[] = [
  ['the task of a permission', 'task', () => allow({ ...rule, task: absent })],
  ['the user of a permission', 'user', () => allow({ ...rule, user: absent })],
  ['the group of a permission', 'group', () => allow({ task: 'Administer', group: absent })],
  ['the feed of a permission', 'feed', () => allow({ ...rule, feed: absent })],
  ['the feed group of a permission', 'feedGroup', () => allow({ ...rule, feedGroup: absent })],
  ['the feed of a key', 'feed', () => newKey({ type: 'feed', feed: absent })],
  ['the feed group of a key', 'feedGroup', () => newKey({ type: 'feed', feedGroup: absent })],
  ['the user of a key', 'user', () => newKey({ type: 'personal', user: absent })],
  [
    'the group of a user',
    'groups',
    () => call(admin, securityUsers.add, { body: { name: 'x', password, groups: [absent] } }),
  ],
  [
    'the user of a group',
    'users',
    () => call(admin, securityGroups.add, { body: { name: 'x', users: [absent] } }),
  ],
  [
    'the feed of a feed group',
    'feeds',
    () => call(admin, feedGroups.create, { body: { name: 'x', feeds: [absent] } }),
  ],
  [
    'the feed group of a feed',
    'feedGroup',
    () => call(admin, feeds.create, { body: { name: 'x', feedGroup: absent } }),
  ],
  ['the user of privileges', 'user', () => privileges({ user: absent })],
  ['the group of privileges', 'group', () => privileges({ group: absent })],
  ['the feed of privileges', 'feed', () => privileges({ user: 'Other', feed: absent })],
]

const allow = (body: {
  task: string
  user?: string
  group?: string
  feed?: string
  feedGroup?: string
}) => call(admin, securityPermissions.add, { body })
const newKey = (body: {
  type: 'feed' | 'personal'
  feed?: string
  feedGroup?: string
  user?: string
}) => call(admin, apiKeys.create, { body })
const privileges = (query: { user?: string; group?: string; feed?: string }) =>
  call(admin, api.privileges.list, { query })

test.for(unknown)('%s that is not there is 422 and named', async ([, field, ask]) => {
  const problem = await problemOf(ask())
  expect(problem).toMatchObject({
    status: 422,
    errors: [{ field, message: expect.stringContaining(absent) }],
  })
})

test('an expired key is 401 that says so, on /v2, at the token and in the API', async () => {
  const { id, key } = await call(admin, apiKeys.create, { body: { type: 'system' } })
  const query = { id: String(id) }
  await call(admin, apiKeys.update, { query, body: { expiration: '2020-01-01' } })
  await sleep(1000)
  for (const target of ['/v2/', '/v2/main/app/tags/list', '/v2/_auth', '/api/settings/list']) {
    const answer = await send(server.url, {
      method: 'GET',
      target,
      headers: { authorization: basic('api', key ?? '') },
    })
    expect({ target, status: answer.status }).toEqual({ target, status: 401 })
    expect(answer.body.toString()).toContain('The API key has expired')
  }
  const failures = async () =>
    (await call(admin, api.audit.list, { query: { kind: 'login.failed' } })).map(
      ({ detail }) => detail.user,
    )
  await expect.poll(failures, { timeout: 10_000, interval: 300 }).toContain('api')
})

test('whatever would take the last administrator away is 409', async () => {
  const [own] = await call(admin, securityPermissions.list)
  const attempts: readonly (() => Promise<unknown>)[] = [
    () => call(admin, securityUsers.delete, { query: { user: 'Admin' } }),
    () => call(admin, securityUsers.update, { body: { name: 'Admin', active: false } }),
    () => call(admin, securityPermissions.delete, { query: { permissionId: String(own?.id) } }),
    () => allow({ ...rule, ...{ deny: true } }),
    () =>
      call(admin, api.securityTasks.update, {
        body: { name: 'Administer', attributes: ['Feeds_ViewFeed'] },
      }),
    () =>
      call(admin, api.securityTransfer.import, {
        body: { users: [{ userName: 'Admin', active: false }] },
      }),
  ]
  for (const attempt of attempts) expect((await problemOf(attempt())).status).toBe(409)
  // Administrators by their group alone are some too.
  await call(admin, securityUsers.add, { body: { name: 'Ann', password } })
  await call(admin, securityGroups.add, { body: { name: 'Chiefs', users: ['Ann'] } })
  await allow({ task: 'Administer', group: 'Chiefs' })
  await call(admin, securityPermissions.delete, { query: { permissionId: String(own?.id) } })
  await sleep(1000)
  const ann = clientOf(server.url, basic('Ann', password))
  const removals: readonly (() => Promise<unknown>)[] = [
    () => call(ann, securityGroups.delete, { query: { group: 'Chiefs' } }),
    () => call(ann, securityGroups.update, { body: { name: 'Chiefs', users: [] } }),
    () => call(ann, securityUsers.update, { body: { name: 'Ann', groups: [] } }),
  ]
  for (const removal of removals) expect((await problemOf(removal())).status).toBe(409)
  await call(ann, securityPermissions.add, { body: rule })
  await sleep(1000)
})

const filters: readonly (readonly [field: string, filter: string, says: RegExp])[] = [
  ['usersFilter', '(&(uid=%s)', /unbalanced parens/i],
  ['usersFilter', '(uid=%s))', /paren/i],
  ['usersFilter', 'uid', /Invalid expression/],
  ['usersFilter', '(uid=alice)', /%s/],
  ['usersFilter', '(%s=alice)', /Invalid attribute name/],
  ['userGroupsFilter', '(&(member=%s)(|)', /paren|filter/i],
  ['disabledFilter', '(locked=TRUE', /paren/i],
  ['disabledFilter', '(uid=%s)', /%s/],
]
test.for(filters)(
  'an LDAP filter in %s that is broken is not saved: %s',
  async ([field, filter, says]) => {
    const whole = { host: '127.0.0.1', port: 1, userSearchBase: 'dc=example,dc=test' }
    const body = {
      name: `d${filters.findIndex((row) => row[1] === filter)}`,
      kind: 'ldap' as const,
    }
    const settings = { ...whole, [field]: filter }
    const added = await problemOf(call(admin, api.directories.add, { body: { ...body, settings } }))
    const expected = { status: 422, errors: [{ field, message: expect.stringMatching(says) }] }
    expect(added).toMatchObject(expected)
    await call(admin, api.directories.add, { body: { ...body, settings: whole } })
    const query = { directory: body.name }
    const change = call(admin, api.directories.update, { query, body: { settings } })
    expect(await problemOf(change)).toMatchObject(expected)
    const kept = await call(admin, api.directories.list)
    expect(kept.find(({ name }) => name === body.name)?.settings[field]).not.toBe(filter)
  },
)

test('a user of a directory that is not here is not imported, in a dry run neither', async () => {
  const body = { users: [{ userName: 'Zoe', directory: 'nowhere', externalId: 'sub=1' }] }
  for (const query of [{ dryRun: 'true' }, {}]) {
    const problem = await problemOf(call(admin, api.securityTransfer.import, { query, body }))
    expect(problem).toMatchObject({ status: 422, errors: [{ field: 'users.0.directory' }] })
    expect(problem.detail).toMatch(/"Zoe".*"nowhere".*add a directory/)
  }
  const settings = { host: '127.0.0.1', port: 1, userSearchBase: 'dc=example,dc=test' }
  await call(admin, api.directories.add, { body: { name: 'Nowhere', kind: 'ldap', settings } })
  await call(admin, api.securityTransfer.import, { body })
  const exported = await call(admin, api.securityTransfer.export)
  expect(exported.users?.find(({ userName }) => userName === 'Zoe')).toMatchObject({
    ...{ directory: 'Nowhere', externalId: 'sub=1', active: true },
  })
  expect((await call(admin, api.securityTransfer.import, { body: exported })).steps).toEqual([])
})
