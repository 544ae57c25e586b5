import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import type { Route } from '../../contract/route.ts'
import { askApi, clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import {
  addPerson,
  addPersonalKey,
  adminOf,
  allow,
  identityTokenOf,
  logIn,
  type Person,
  statusOf,
  tasks,
  tokenFor,
  untilRulesAreNew,
} from '../support/people.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic, send } from '../support/wire.ts'

let server: TestServer
let manager: Person
let grouped: Person
let reader: Person
const callers: Record<string, string> = {}
const secretImage = image('escalation')
beforeAll(async () => {
  server = await startServer()
  for (const feed of ['own', 'secret', 'inside', 'outside']) await server.createFeed(feed)
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushImage(table, 'secret/app', secretImage, ['v1'])
  await pushImage(table, 'own/app', image('own'), ['v1'])
  const admin = adminOf(server)
  await call(admin, api.feedGroups.create, { body: { name: 'team', feeds: ['inside'] } })
  await call(admin, api.feedGroups.create, { body: { name: 'others', feeds: ['outside'] } })
  await call(admin, api.securityGroups.add, { body: { name: 'admins' } })
  await allow(server, { task: tasks.administer, group: 'admins' })
  manager = await addPerson(server, 'manager', { task: tasks.manage, feed: 'own' })
  grouped = await addPerson(server, 'grouped', { task: tasks.manage, feedGroup: 'team' })
  reader = await addPerson(server, 'reader', { task: tasks.view, feed: 'own' })
  callers.manager = manager.authorization
  callers.grouped = grouped.authorization
  callers.reader = reader.authorization
  callers['the key of the manager'] = basic('api', (await addPersonalKey(server, manager)).key)
  callers['a feed key with everything'] = (
    await server.createKey('own', ['view', 'add', 'promote', 'delete'])
  ).authorization
  await untilRulesAreNew()
})
afterAll(() => server[Symbol.asyncDispose]())

const ask = (as: string, target: string, json?: unknown) =>
  askApi(server.url, {
    target,
    headers: { authorization: callers[as] ?? '' },
    ...(json !== undefined && { json }),
  })

/** What a caller may do, everywhere and in each feed, as the server itself explains it. */
async function rightsOf(authorization: string): Promise<unknown> {
  const client = clientOf(server.url, authorization)
  const feeds = await call(client, api.feeds.list)
  const places = [{}, ...feeds.map(({ name }) => ({ feed: name }))]
  return await Promise.all(
    places.map(async (query) => [query, await call(client, api.privileges.list, { query })]),
  )
}

const grants: readonly (readonly [what: string, target: string, json: unknown])[] = [
  ['a permission for itself', '/api/security/permissions/add', { task: 'Administer', user: '$me' }],
  [
    'a permission in its own registry',
    '/api/security/permissions/add',
    { task: 'Manage Feed', user: '$me', feed: 'own' },
  ],
  [
    'a permission for everyone',
    '/api/security/permissions/add',
    { task: 'Administer', user: 'Everyone' },
  ],
  ['membership of a group', '/api/security/groups/update', { name: 'admins', users: ['$me'] }],
  ['a group of its own', '/api/security/groups/add', { name: 'mine', users: ['$me'] }],
  ['groups for its user', '/api/security/users/update', { name: '$me', groups: ['admins'] }],
  [
    "somebody else's password",
    '/api/security/users/update',
    { name: 'Admin', password: 'mallory-mallory' },
  ],
  ['another user', '/api/security/users/add', { name: 'mallory', password: 'mallory-mallory' }],
  [
    'a built-in task with more in it',
    '/api/security/tasks/update',
    { name: 'View & Download Packages', attributes: ['Admin_ConfigureProGet'] },
  ],
  [
    'a task of its own',
    '/api/security/tasks/add',
    { name: 'all', attributes: ['Admin_ConfigureProGet'] },
  ],
  [
    'rights by an import',
    '/api/security/import',
    { permissions: [{ task: 'Administer', user: '$me' }] },
  ],
  [
    'rights by a dry run',
    '/api/security/import?dryRun=true',
    { permissions: [{ task: 'Administer', user: '$me' }] },
  ],
  ['a system key', '/api/api-keys/create', { type: 'system' }],
  ['a feed key of its own registry', '/api/api-keys/create', { type: 'feed', feed: 'own' }],
  ['a personal key of Admin', '/api/api-keys/create', { type: 'personal', user: 'Admin' }],
  ['a personal key of ADMIN', '/api/api-keys/create', { type: 'personal', user: 'ＡＤＭＩＮ' }],
  ['a feed group', '/api/management/feed-groups/create', { name: 'g', feeds: ['secret'] }],
  [
    'a registry in its feed group',
    '/api/management/feed-groups/update?group=team',
    { feeds: ['inside', 'secret'] },
  ],
  ['a directory', '/api/security/directories/add', { name: 'd', kind: 'ldap', settings: {} }],
  ['a setting', '/api/settings/set?name=Web.BaseUrl&value=http://evil.example', {}],
]

describe.for([
  'manager',
  'grouped',
  'reader',
  'the key of the manager',
  'a feed key with everything',
])('%s', (as) => {
  test.for(grants)('is given no %s', async ([, target, json], { expect }) => {
    const me = as === 'grouped' || as === 'reader' ? as : 'manager'
    const body = JSON.parse(JSON.stringify(json).replaceAll('$me', me)) as unknown
    const answer = await ask(as, target, body)
    expect(answer.status).toBe(403)
  })

  test('reads no list of users, rights, keys of others, settings or what happened', async () => {
    for (const target of [
      '/api/security/users/list',
      '/api/security/groups/list',
      '/api/security/permissions/list',
      '/api/security/tasks/list',
      '/api/security/export',
      '/api/security/directories/list',
      '/api/security/privileges?user=Admin',
      '/api/security/privileges?group=admins',
      '/api/settings/list',
      '/api/audit/list',
      '/api/management/feed-groups/list',
    ]) {
      expect((await ask(as, target)).status, target).toBe(403)
    }
  })
})

/** Routes that ask for an administrator, each with all its methods. */
const forAdministrators = Object.values(api)
  .flatMap((resource) => Object.values(resource as Readonly<Record<string, Route>>))
  .filter(
    ({ path }) =>
      !/api-keys|sessions|change-password|management\/feeds|privileges|audit|containers|retention/.test(
        path,
      ),
  )
  .filter(({ path }) => !/sizes\/(?:feed|repositories|tags|images)$/.test(path))
  .flatMap(({ method, also, path }) => [method, ...also].map((each) => [each, path] as const))

test.for(forAdministrators)(
  '%s %s is refused to who is no administrator, whatever the body says',
  async ([method, target]) => {
    const { authorization } = manager
    for (const body of method === 'GET' ? [undefined] : ['{}', '[]', '{"__proto__":{"a":1}}']) {
      const answer = await send(server.url, {
        ...{ method, target },
        headers: {
          authorization,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body }),
      })
      expect(answer.status, body).toBe(403)
    }
  },
)

describe('a manager of one registry', () => {
  const update = (as: string, feed: string, json: object) =>
    ask(as, `/api/management/feeds/update/${feed}`, json)

  test('does not change, see or delete another', async () => {
    const absent = await ask('manager', '/api/management/feeds/get/absent')
    for (const [target, json] of [
      ['/api/management/feeds/get/secret', undefined],
      ['/api/management/feeds/update/secret', { description: 'mine' }],
      ['/api/management/feeds/delete/secret', {}],
      ['/api/audit/list?feed=secret', undefined],
      ['/api/jobs/list?feed=secret', undefined],
      ['/api/jobs/runs?feed=secret', undefined],
      ['/api/jobs/run?job=FeedCleanup&feed=secret', {}],
      ['/api/jobs/update?job=FeedCleanup&feed=secret', { enabled: false }],
      ['/api/retention/list?feed=secret', undefined],
      ['/api/retention/preview?feed=secret', undefined],
      ['/api/retention/create?feed=secret', { tags: ['*'], pushedBeforeDays: 1 }],
      ['/api/retention/try?feed=secret', { tags: ['*'], pushedBeforeDays: 1 }],
      ['/api/sizes/feed?feed=secret', undefined],
      ['/api/sizes/repositories?feed=secret', undefined],
      ['/api/sizes/tags?feed=secret&repo=app', undefined],
    ] as const) {
      const answer = await ask('manager', target, json)
      expect([answer.status, answer.body]).toEqual([
        404,
        JSON.parse(JSON.stringify(absent.body).replace('absent', 'secret')),
      ])
    }
  })

  test('does not reach the rules and runs of another under the name of its own', async () => {
    const admin = adminOf(server)
    const query = { feed: 'secret' }
    const body = { enabled: false, tags: ['none'] }
    const rule = await call(admin, api.retention.create, { query, body })
    const { run } = await call(admin, api.jobs.run, { query: { ...query, job: 'FeedCleanup' } })
    for (const [target, json] of [
      [`/api/retention/update?feed=own&id=${rule.id}`, { enabled: true }],
      [`/api/retention/preview?feed=own&rule=${rule.id}`, undefined],
      [`/api/jobs/log?feed=own&run=${run}`, undefined],
      [`/api/jobs/cancel?feed=own&run=${run}`, {}],
    ] as const) {
      expect((await ask('manager', target, json)).status, target).toBe(404)
    }
    await ask('manager', `/api/retention/delete?feed=own&id=${rule.id}`, {})
    const order = '/api/retention/order?feed=own'
    await ask('manager', order, { rules: [rule.id] })
    expect(await call(admin, api.retention.list, { query })).toEqual([rule])
    for (const of of ['', '?feed=own']) {
      const runs = await ask('manager', `/api/jobs/runs${of}`)
      expect(JSON.stringify(runs.body)).not.toContain('secret')
    }
  })

  test('does not take the name of another, in any spelling, own or alternate', async () => {
    for (const name of [
      'secret',
      'SECRET',
      'main',
      'api',
      '_catalog',
      'ｓｅｃｒｅｔ',
      'own/../secret',
    ]) {
      for (const json of [{ name }, { alternateNames: [name] }]) {
        const answer = await update('manager', 'own', json)
        expect([409, 422], name).toContain(answer.status)
      }
    }
    expect(
      await statusOf(server, '/v2/secret/app/manifests/v1', {
        authorization: manager.authorization,
      }),
    ).toBe(404)
  })

  test('gains nothing by the name of a registry that was deleted, or is made later', async () => {
    const admin = adminOf(server)
    await call(admin, api.feeds.create, { body: { name: 'prod' } })
    await allow(server, { task: tasks.publish, feed: 'prod', user: 'reader' })
    await call(admin, api.feeds.delete, { params: { name: 'prod' } })
    expect((await update('manager', 'own', { alternateNames: ['prod'] })).status).toBe(200)
    await untilRulesAreNew()
    // The rule was for the registry that is gone, not for the name.
    const push = '/v2/prod/app/blobs/uploads/'
    const authorization = reader.authorization
    const answer = await send(server.url, {
      method: 'POST',
      target: push,
      headers: { authorization },
    })
    expect(answer.status).toBe(403)
    expect((await update('manager', 'own', { alternateNames: null })).status).toBe(200)
  })

  test('moves no registry between feed groups that it does not manage', async () => {
    expect((await update('manager', 'own', { feedGroup: 'others' })).status).toBe(403)
    expect((await update('grouped', 'inside', { feedGroup: 'others' })).status).toBe(403)
    expect((await update('grouped', 'inside', { feedGroup: null })).status).toBe(403)
    expect((await update('grouped', 'outside', { feedGroup: 'team' })).status).toBe(404)
    expect((await update('manager', 'own', { feedGroup: '' })).status).toBe(422)
  })

  test('makes registries in its own feed group only, and is asked for it in every form', async () => {
    const create = '/api/management/feeds/create'
    for (const feedGroup of [undefined, null, 'others', '', 'absent', ['team'], { name: 'team' }]) {
      const answer = await ask('grouped', create, { name: 'sneaky', feedGroup })
      expect([403, 422], String(feedGroup)).toContain(answer.status)
    }
    const form = await askApi(server.url, {
      target: create,
      headers: { authorization: grouped.authorization },
      form: [
        ['name', 'sneaky'],
        ['feedGroup', 'team'],
        ['feedGroup', 'others'],
      ] as never,
    })
    expect([403, 422]).toContain(form.status)
    expect((await ask('manager', create, { name: 'sneaky', feedGroup: 'team' })).status).toBe(403)
    const names = (await call(adminOf(server), api.feeds.list)).map(({ name }) => name)
    expect(names).not.toContain('sneaky')
  })
})

describe('API keys', () => {
  test('nobody changes, rotates, deletes or reads the key of another user', async () => {
    const mine = await addPersonalKey(server, reader)
    for (const id of [mine.id, (await server.createKey(null)).id, 999_999]) {
      for (const [target, json] of [
        [`/api/api-keys/update?id=${id}`, { enabled: true }],
        [`/api/api-keys/rotate?id=${id}`, {}],
        [`/api/api-keys/delete?id=${id}`, {}],
        [`/api/api-keys/requests?id=${id}`, undefined],
      ] as const) {
        const answer = await ask('manager', target, json)
        expect(answer.status, target).toBe(403)
      }
    }
    const listed = await call(clientOf(server.url, manager.authorization), api.apiKeys.list)
    expect(new Set(listed.map(({ user }) => user))).toEqual(new Set(['manager']))
  })

  test('a key does not do what needs its user: make keys, change the password, end sessions', async () => {
    const as = 'the key of the manager'
    for (const [target, json] of [
      ['/api/api-keys/create', { type: 'personal' }],
      ['/api/api-keys/create', { type: 'personal', user: 'manager' }],
      [
        '/api/security/users/change-password',
        { password: manager.password, newPassword: 'mallory-mallory' },
      ],
      ['/api/sessions/logout-everywhere', {}],
      ['/api/sessions/list', undefined],
    ] as const) {
      expect((await ask(as, target, json)).status, target).toBe(403)
    }
  })

  test('a key is never more than its user: rights that are taken are taken from it and its tokens', async () => {
    const user = await addPerson(server, 'demoted', { task: tasks.view, feed: 'secret' })
    const { key } = await addPersonalKey(server, user)
    const authorization = basic('api', key)
    await untilRulesAreNew()
    const target = '/v2/secret/app/manifests/v1'
    const bearer = await tokenFor(server, authorization, 'repository:secret/app:pull')
    expect(await statusOf(server, target, { authorization })).toBe(200)
    expect(await statusOf(server, target, { authorization: bearer })).toBe(200)
    const admin = adminOf(server)
    const rules = await call(admin, api.securityPermissions.list)
    const rule = rules.find((each) => each.user === 'demoted')
    await call(admin, api.securityPermissions.delete, {
      query: { permissionId: String(rule?.id) },
    })
    await untilRulesAreNew()
    expect(await statusOf(server, target, { authorization })).toBe(404)
    expect(await statusOf(server, target, { authorization: bearer })).toBe(404)
    // The user may have them all, and the key of a name for it that asks for more, no more.
    const more = await ask('manager', '/api/api-keys/create', {
      ...{ type: 'personal', packagePermissions: ['view', 'add', 'promote', 'delete'] },
    })
    const { key: own } = more.body as { key: string }
    const headers = { authorization: basic('api', own) }
    expect(await statusOf(server, target, headers)).toBe(404)
  })

  test("an administrator's personal key that is narrowed is no administrator", async () => {
    const boss = await addPerson(server, 'boss', { task: tasks.administer })
    await untilRulesAreNew()
    for (const narrowed of [{ packagePermissions: ['view'] }, { repositories: 'app' }]) {
      const made = await askApi(server.url, {
        target: '/api/api-keys/create',
        headers: { authorization: boss.authorization },
        json: { type: 'personal', ...narrowed },
      })
      const { key } = made.body as { key: string }
      for (const target of ['/api/security/users/list', '/api/settings/list', '/metrics']) {
        expect([401, 403]).toContain(
          await statusOf(server, target, { authorization: basic('api', key) }),
        )
      }
    }
  })
})

describe('a name that is used again', () => {
  test('a user: nothing of the former one is the new one’s', async () => {
    const admin = adminOf(server)
    const former = await addPerson(server, 'phoenix', { task: tasks.administer })
    const { key } = await addPersonalKey(server, former)
    await call(admin, api.securityGroups.update, { body: { name: 'admins', users: ['phoenix'] } })
    await untilRulesAreNew()
    const cookie = await logIn(server, former)
    const bearer = await tokenFor(server, former.authorization, 'repository:secret/app:pull')
    const identity = await identityTokenOf(server, former.authorization)
    await call(admin, api.securityUsers.delete, { query: { user: 'PHOENIX' } })
    const again = await addPerson(server, 'phoenix')
    await untilRulesAreNew()
    const whoami = '/api/sessions/whoami'
    expect(await statusOf(server, whoami, { cookie })).toBe(401)
    expect(await statusOf(server, whoami, { 'x-apikey': key })).toBe(401)
    expect(await statusOf(server, '/v2/', { authorization: bearer })).toBe(401)
    expect((await refresh(identity)).status).toBe(401)
    const { body } = await askApi(server.url, {
      target: whoami,
      headers: { authorization: again.authorization },
    })
    expect(body).toMatchObject({ name: 'phoenix', administrator: false, user: { groups: [] } })
    expect(await call(clientOf(server.url, again.authorization), api.apiKeys.list)).toEqual([])
    const target = '/v2/secret/app/manifests/v1'
    expect(await statusOf(server, target, { authorization: again.authorization })).toBe(404)
  })

  test('a user: the former one, who is remembered for a second, makes no key of the new one', async () => {
    const admin = adminOf(server)
    const former = await addPerson(server, 'lazarus')
    await untilRulesAreNew()
    const headers = { authorization: former.authorization }
    expect(await statusOf(server, '/api/sessions/whoami', headers)).toBe(200)
    await call(admin, api.securityUsers.delete, { query: { user: 'lazarus' } })
    const body = { name: 'lazarus', password: 'the password of another' }
    await call(admin, api.securityUsers.add, { body })
    for (const json of [{ type: 'personal' }, { type: 'personal', user: 'LAZARUS' }]) {
      const made = await askApi(server.url, { target: '/api/api-keys/create', headers, json })
      expect([401, 422]).toContain(made.status)
    }
    const keys = await call(admin, api.apiKeys.list, { query: { count: '1000' } })
    expect(keys.filter(({ user }) => user === 'lazarus')).toEqual([])
  })

  test('a group: members and rights of the former one are gone', async () => {
    const admin = adminOf(server)
    const member = await addPerson(server, 'member')
    const group = { name: 'ops', users: ['member'] }
    await call(admin, api.securityGroups.add, { body: group })
    await allow(server, { task: tasks.view, feed: 'secret', group: 'ops' })
    await untilRulesAreNew()
    const target = '/v2/secret/app/manifests/v1'
    const headers = { authorization: member.authorization }
    expect(await statusOf(server, target, headers)).toBe(200)
    await call(admin, api.securityGroups.delete, { query: { group: 'ops' } })
    await call(admin, api.securityGroups.add, { body: group })
    await untilRulesAreNew()
    expect(await statusOf(server, target, headers)).toBe(404)
  })

  test('a registry: rules, keys, tokens and images of the former one are not the new one’s', async () => {
    const admin = adminOf(server)
    await server.createFeed('reborn')
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'reborn/app', image('reborn'), ['v1'])
    const user = await addPerson(server, 'settler', { task: tasks.manage, feed: 'reborn' })
    const key = await server.createKey('reborn', ['view', 'add', 'delete'])
    await untilRulesAreNew()
    const bearer = await tokenFor(server, user.authorization, 'repository:reborn/app:pull,push')
    const keyBearer = await tokenFor(server, key.authorization, 'repository:reborn/app:pull,push')
    const headers = [user.authorization, key.authorization, bearer, keyBearer]
    const target = '/v2/reborn/app/tags/list'
    for (const authorization of headers) {
      expect(await statusOf(server, target, { authorization })).toBe(200)
    }
    await call(admin, api.feeds.delete, { params: { name: 'reborn' } })
    await call(admin, api.feeds.create, { body: { name: 'reborn' } })
    await untilRulesAreNew()
    await pushImage(table, 'reborn/app', image('second'), ['v2'])
    await untilRulesAreNew()
    // Once a job has removed the former registry, nobody knows its key any more.
    const isShut = async (place: string, authorization: string) =>
      expect([401, 404]).toContain(await statusOf(server, place, { authorization }))
    for (const authorization of headers) {
      await isShut(target, authorization)
      if (authorization.startsWith('Basic')) {
        await isShut('/api/management/feeds/get/reborn', authorization)
        await isShut('/api/audit/list?feed=reborn', authorization)
      }
    }
    const list = await send(server.url, {
      method: 'GET',
      target,
      headers: { authorization: server.admin },
    })
    expect(JSON.parse(list.body.toString('utf8'))).toEqual({ name: 'reborn/app', tags: ['v2'] })
  })

  test('a feed group: rules and keys of the former one are not the new one’s', async () => {
    const admin = adminOf(server)
    await call(admin, api.feedGroups.create, { body: { name: 'cycle', feeds: ['secret'] } })
    const user = await addPerson(server, 'cyclist', { task: tasks.view, feedGroup: 'cycle' })
    const made = await call(admin, api.apiKeys.create, {
      body: { type: 'feed', feedGroup: 'cycle' },
    })
    await untilRulesAreNew()
    const target = '/v2/secret/app/tags/list'
    const key = { authorization: basic('api', made.key ?? '') }
    expect(await statusOf(server, target, { authorization: user.authorization })).toBe(200)
    expect(await statusOf(server, target, key)).toBe(200)
    await call(admin, api.feedGroups.delete, { query: { group: 'cycle' } })
    await call(admin, api.feedGroups.create, { body: { name: 'cycle', feeds: ['secret'] } })
    await untilRulesAreNew()
    expect(await statusOf(server, target, { authorization: user.authorization })).toBe(404)
    expect(await statusOf(server, target, key)).toBe(401)
  })

  const refresh = (token: string) =>
    send(server.url, {
      method: 'POST',
      target: '/v2/_auth',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=refresh_token&service=x&client_id=x&refresh_token=${token}`,
    })
})

test('after all this, nobody has a right more than at the beginning', async () => {
  const [managers, readers] = [
    JSON.stringify(await rightsOf(manager.authorization)),
    JSON.stringify(await rightsOf(reader.authorization)),
  ]
  expect(managers).not.toMatch(/"attribute":"Admin_ConfigureProGet","allowed":true/)
  expect(managers).not.toContain('secret')
  expect(readers).not.toMatch(/"attribute":"(?:Admin_\w+|Feeds_AddPackage)","allowed":true/)
})
