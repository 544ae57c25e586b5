import { describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi } from '../support/api-call.ts'
import { blob, image, index } from '../support/content.ts'
import { addPerson, adminOf, allow, statusOf, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { useServer } from '../support/server.ts'
import { basic, exchangeRaw, send } from '../support/wire.ts'

const first = image('wire rights, first')
const second = index([])
const shared = blob('wire rights, shared')

const { table, server } = useServer(async (setUp, one) => {
  await one.createFeed('kept', { overwrite: 'permission' })
  await one.createFeed('frozen', { overwrite: 'never' })
  await one.createFeed('grouped')
  for (const feed of ['kept', 'frozen', 'grouped', 'main']) {
    await pushImage(setUp, `${feed}/app`, first, ['v1'])
  }
  await pushBlob(setUp, 'main/closed', shared)
  await pushImage(setUp, 'main/closed', image('closed'), ['v1'])
  const admin = adminOf(one)
  await call(admin, api.feedGroups.create, { body: { name: 'group', feeds: ['grouped'] } })
  await call(admin, api.securityTasks.add, {
    body: { name: 'Push only', attributes: ['Feeds_ViewFeed', 'Feeds_AddPackage'] },
  })
  await call(admin, api.securityTasks.add, {
    body: { name: 'Delete only', attributes: ['Feeds_DeletePackage', 'Feeds_DownloadPackage'] },
  })
  const everywhere = ['kept', 'frozen', 'main'].map((feed) => ({ task: tasks.publish, feed }))
  const pusher = await addPerson(one, 'pusher', ...everywhere)
  const blind = await addPerson(one, 'blind', { task: 'Push only', feed: 'main' })
  const unseeing = await addPerson(one, 'unseeing', { task: 'Delete only', feed: 'main' })
  const patterned = { task: tasks.manage, feed: 'main', repositories: 'team/**' }
  const lead = await addPerson(one, 'lead', patterned)
  const barred = await addPerson(one, 'barred', { task: tasks.manage, feed: 'main' })
  const closed = { task: tasks.view, feed: 'main', repositories: 'closed', deny: true }
  await allow(one, { user: 'barred', ...closed })
  const made = await call(admin, api.apiKeys.create, {
    body: { type: 'feed', feed: 'main', repositories: 'team/*' },
  })
  await untilRulesAreNew()
  return {
    pusher: pusher.authorization,
    blind: blind.authorization,
    unseeing: unseeing.authorization,
    lead: lead.authorization,
    barred: barred.authorization,
    boundKey: basic('api', made.key ?? ''),
  }
})

const as = (name: string) => ({ authorization: table().callers[name] ?? '' })
const ask = (name: string, method: string, target: string, body?: Uint8Array | string) =>
  send(table().url, {
    ...{ method, target },
    headers: { ...as(name), ...(body !== undefined && { 'content-type': second.mediaType }) },
    ...(body !== undefined && { body }),
  })
const digestOf = async (target: string) =>
  (await ask('admin', 'HEAD', target)).headers['docker-content-digest']

describe('a tag that may not be moved is not moved', () => {
  const ways: readonly (readonly [what: string, of: (feed: string) => string])[] = [
    ['by its name', (feed) => `/v2/${feed}/app/manifests/v1`],
    ['beside a new one', (feed) => `/v2/${feed}/app/manifests/new1?tag=v1`],
    ['beside a digest', (feed) => `/v2/${feed}/app/manifests/${second.digest}?tag=v1`],
    ['behind good ones', (feed) => `/v2/${feed}/app/manifests/new2?tag=new3&tag=v1`],
    ['with an encoded letter', (feed) => `/v2/${feed}/app/manifests/%761`],
    ['in the capitals of its registry', (feed) => `/v2/${feed.toUpperCase()}/app/manifests/v1`],
    ['by %-encoded tag beside', (feed) => `/v2/${feed}/app/manifests/new4?tag=%76%31`],
  ]
  test.for(ways)('%s', async ([, of]) => {
    for (const feed of ['kept', 'frozen']) {
      const answer = await ask('pusher', 'PUT', of(feed), second.bytes)
      expect(answer.status, `${feed}: ${answer.body}`).toBe(403)
      expect(await digestOf(`/v2/${feed}/app/manifests/v1`)).toBe(first.manifest.digest)
    }
  })

  test('nor by an administrator, where it is never', async () => {
    const answer = await ask('admin', 'PUT', '/v2/frozen/app/manifests/v1', second.bytes)
    expect(answer.status).toBe(403)
  })

  test('nor by taking it away first: that needs another right', async () => {
    for (const reference of ['v1', first.manifest.digest]) {
      const answer = await ask('pusher', 'DELETE', `/v2/kept/app/manifests/${reference}`)
      expect(answer.status).toBe(403)
    }
    expect(await digestOf('/v2/kept/app/manifests/v1')).toBe(first.manifest.digest)
  })

  test('and a refused push leaves none of the other tags', async () => {
    for (const tag of ['new1', 'new2', 'new3', 'new4']) {
      expect(await statusOf(server(), `/v2/kept/app/manifests/${tag}`, as('admin'))).toBe(404)
    }
  })
})

describe('who may push but not pull', () => {
  test('reads nothing back: not by HEAD, referrers, tags, ranges or a mount', async () => {
    const layer = first.layers[0]?.digest ?? ''
    for (const [method, rest] of [
      ['GET', 'manifests/v1'],
      ['HEAD', 'manifests/v1'],
      ['HEAD', `manifests/${first.manifest.digest}`],
      ['GET', `blobs/${layer}`],
      ['HEAD', `blobs/${layer}`],
      ['GET', 'tags/list'],
      ['GET', `referrers/${first.manifest.digest}`],
    ] as const) {
      const answer = await ask('blind', method, `/v2/main/app/${rest}`)
      expect(answer.status, `${method} ${rest}`).toBe(403)
    }
    for (const from of ['&from=main/app', '&from=main/closed', '']) {
      for (const digest of [layer, shared.digest]) {
        const target = `/v2/main/app/blobs/uploads/?mount=${digest}${from}`
        expect((await ask('blind', 'POST', target)).status).toBe(202)
      }
    }
  })
})

describe('who may not view', () => {
  test('does nothing with the rights that it has otherwise', async () => {
    for (const [method, rest] of [
      ['GET', 'manifests/v1'],
      ['DELETE', 'manifests/v1'],
      ['DELETE', `manifests/${first.manifest.digest}`],
      ['GET', 'tags/list'],
    ] as const) {
      expect((await ask('unseeing', method, `/v2/main/app/${rest}`)).status).toBe(404)
    }
  })

  test('a repository that a restriction closes, finds it closed to a manager of its registry too', async () => {
    for (const [method, target] of [
      ['GET', '/v2/main/closed/manifests/v1'],
      ['PUT', '/v2/main/closed/manifests/v2'],
      ['POST', '/v2/main/closed/blobs/uploads/'],
      ['DELETE', '/v2/main/closed/manifests/v1'],
      ['GET', '/v2/main/closed/tags/list'],
    ] as const) {
      const body = method === 'PUT' ? second.bytes : undefined
      expect((await ask('barred', method, target, body)).status, target).toBe(404)
    }
    const mount = `/v2/main/app/blobs/uploads/?mount=${shared.digest}`
    expect((await ask('barred', 'POST', `${mount}&from=main/closed`)).status).toBe(202)
    expect((await ask('barred', 'POST', mount)).status).toBe(202)
    const catalog = await ask('barred', 'GET', '/v2/_catalog')
    expect(catalog.body.toString()).not.toContain('closed')
  })
})

describe('a right for some repositories', () => {
  test('is no right for the registry: not to change, delete or read what happened in it', async () => {
    for (const [target, json] of [
      ['/api/management/feeds/update/main', { active: false }],
      ['/api/management/feeds/update/main', { name: 'mine' }],
      ['/api/management/feeds/update/main', { overwrite: 'allowed' }],
      ['/api/management/feeds/delete/main', {}],
      ['/api/audit/list?feed=main', undefined],
      ['/api/management/feeds/create', { name: 'mine' }],
    ] as const) {
      const answer = await askApi(table().url, {
        target,
        headers: as('lead'),
        ...(json !== undefined && { json }),
      })
      expect(answer.status, target).toBe(403)
    }
  })

  test.for(['lead', 'boundKey'])('of %s ends where its pattern ends', async (caller) => {
    for (const name of [
      'team',
      'teams/app',
      'team-x/app',
      'app',
      'closed',
      'x/team/app',
      'team.x/app',
    ]) {
      const answer = await ask(caller, 'POST', `/v2/main/${name}/blobs/uploads/`)
      expect([403, 404], name).toContain(answer.status)
    }
    const deep = await ask(caller, 'POST', '/v2/main/team/app/web/blobs/uploads/')
    expect(deep.status).toBe(caller === 'lead' ? 202 : 404)
    expect((await ask(caller, 'POST', '/v2/main/team/app/blobs/uploads/')).status).toBe(202)
    // What others have is not mounted into it.
    const mount = `/v2/main/team/app/blobs/uploads/?mount=${shared.digest}`
    for (const from of ['', '&from=main/closed', '&from=kept/app']) {
      expect((await ask(caller, 'POST', `${mount}${from}`)).status).toBe(202)
    }
  })
})

describe('a registry that changes', () => {
  test('leaves its rights behind when it leaves its feed group', async () => {
    const member = await addPerson(server(), 'member', { task: tasks.view, feedGroup: 'group' })
    await untilRulesAreNew()
    const target = '/v2/grouped/app/tags/list'
    const headers = { authorization: member.authorization }
    expect(await statusOf(server(), target, headers)).toBe(200)
    const admin = adminOf(server())
    await call(admin, api.feedGroups.update, { query: { group: 'group' }, body: { feeds: [] } })
    await untilRulesAreNew()
    expect(await statusOf(server(), target, headers)).toBe(404)
  })

  test('keeps its rights under its new name; a token for the old name opens nothing there', async () => {
    await server().createFeed('before')
    await pushManifest(table(), 'before/app', second, 'v1')
    const reader = await addPerson(server(), 'renaming', { task: tasks.view, feed: 'before' })
    await untilRulesAreNew()
    const { authorization } = reader
    const asked = await send(table().url, {
      method: 'GET',
      target: '/v2/_auth?scope=repository:before/app:pull',
      headers: { authorization },
    })
    const { token } = JSON.parse(asked.body.toString('utf8')) as { token: string }
    const bearer = { authorization: `Bearer ${token}` }
    const admin = adminOf(server())
    await call(admin, api.feeds.update, { params: { name: 'before' }, body: { name: 'after' } })
    await call(admin, api.feeds.create, { body: { name: 'before' } })
    await untilRulesAreNew()
    await pushManifest(table(), 'before/app', second, 'v1')
    expect(await statusOf(server(), '/v2/after/app/tags/list', { authorization })).toBe(200)
    expect(await statusOf(server(), '/v2/after/app/tags/list', bearer)).toBe(401)
    expect(await statusOf(server(), '/v2/before/app/tags/list', bearer)).toBe(404)
    expect(await statusOf(server(), '/v2/before/app/tags/list', { authorization })).toBe(404)
  })
})

test('of two Host headers the realm has no mix, and nothing is opened by the second', async () => {
  const text = await exchangeRaw(
    table().url,
    'GET /v2/ HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\nConnection: close\r\n\r\n',
  )
  expect(text).toMatch(/^HTTP\/1\.1 40[01] /)
  expect(text).not.toMatch(/a\.example.*b\.example/)
})
