import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addFeedGroup } from '../../server/auth/feed-groups.ts'
import { addGroup } from '../../server/auth/groups.ts'
import {
  addPermission,
  deletePermission,
  type PermissionInput,
} from '../../server/auth/permissions.ts'
import { addUser } from '../../server/auth/users.ts'
import { type Db, openDatabase } from '../../server/db/database.ts'
import { absentDigest, image } from '../support/content.ts'
import { cheapPasswords } from '../support/passwords.ts'
import { pushImage } from '../support/push.ts'
import { fetchToken } from '../support/rows.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, basic, jsonOf, send } from '../support/wire.ts'

const by = { name: 'tests', address: null }
const password = 'a password for tests'
const images = { open: image('open'), team: image('team'), other: image('other') }
const viewTask = 'View & Download Packages'
/** The rules are at most a second old. */
const settleMs = 1100

let server: TestServer
let db: Db
const settled = () => new Promise((resolve) => setTimeout(resolve, settleMs))
const allow = (permission: PermissionInput) => addPermission({ db, by }, permission)

beforeAll(async () => {
  server = await startServer()
  db = await openDatabase({ url: server.config.databaseUrl })
  for (const feed of ['open', 'shared', 'private']) await server.createFeed(feed)
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushImage(table, 'open/app', images.open, ['v1'])
  for (const name of ['alpha/x', 'team/a', 'team/b', 'zeta/x']) {
    await pushImage(table, `shared/${name}`, images[name.startsWith('team') ? 'team' : 'other'], [
      'v1',
    ])
  }
  await pushImage(table, 'private/app', images.other, ['v1'])
  const deps = { db, by, dataDir: server.config.dataDir, passwords: cheapPasswords }
  for (const name of ['ann', 'bob', 'eve']) await addUser(deps, { name, password })
  await addGroup({ db, by }, { name: 'Team', users: ['ann'] })
  await addFeedGroup({ db, by }, { name: 'Ours', feeds: ['shared', 'private'] })
  await allow({ user: 'Everyone', task: viewTask, feed: 'open' })
  await allow({ group: 'team', task: 'Publish Packages', feed: 'shared', repositories: 'team/*' })
  await allow({ user: 'bob', task: viewTask, feedGroup: 'ours' })
  await allow({ user: 'bob', task: viewTask, feed: 'shared', repositories: 'team/**', deny: true })
  await settled()
})
afterAll(async () => {
  await db[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

async function ask(as: string | null, request: string, bearer?: string): Promise<Answer> {
  const [method = '', target = ''] = request.split(' ')
  const header = as === null ? undefined : as === 'admin' ? server.admin : basic(as, password)
  const authorization = bearer === undefined ? header : `Bearer ${bearer}`
  return await send(server.url, {
    method,
    target,
    headers: { ...(authorization !== undefined && { authorization }) },
  })
}

/** What is not there is named otherwise than what is: but for that, the answers are one. */
const blurred = (answer: Answer, name: string) => ({
  status: answer.status,
  headers: { ...answer.headers, date: '', 'content-length': '' },
  body: answer.body.toString('utf8').replaceAll(name, 'NAME'),
})

const catalogOf = async (as: string | null, query = '') => {
  const answer = await ask(as, `GET /v2/_catalog${query}`)
  expect(answer.status).toBe(200)
  const { repositories } = jsonOf(answer) as { repositories: string[] }
  return { repositories, link: answer.headers.link }
}

describe('a public registry', () => {
  test('is pulled from without a login, by way of an anonymous token', async () => {
    expect((await ask(null, 'GET /v2/')).status).toBe(401)
    const token = await fetchToken(server.url, undefined, ['repository:open/app:pull'])
    expect((await ask(null, 'GET /v2/', token)).status).toBe(200)
    expect((await ask(null, 'GET /v2/open/app/manifests/v1', token)).status).toBe(200)
    const layer = images.open.layers[0]?.digest
    expect((await ask(null, `GET /v2/open/app/blobs/${layer}`, token)).status).toBe(200)
    expect((await ask(null, 'GET /v2/open/app/tags/list')).status).toBe(200)
  })

  test('takes nothing from Anonymous, who is asked to log in', async () => {
    for (const request of [
      'POST /v2/open/app/blobs/uploads/',
      'DELETE /v2/open/app/manifests/v1',
    ]) {
      const answer = await ask(null, request)
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toContain('scope="repository:open/app:')
    }
  })

  test('tells Anonymous nothing of the others', async () => {
    const there = await ask(null, 'GET /v2/private/app/manifests/v1')
    const absent = await ask(null, 'GET /v2/privatf/app/manifests/v1')
    expect(there.status).toBe(401)
    expect(blurred(there, 'private')).toEqual({
      ...blurred(absent, 'privatf'),
      headers: {
        ...blurred(absent, 'privatf').headers,
        'www-authenticate': String(absent.headers['www-authenticate']).replace(
          'privatf',
          'private',
        ),
      },
    })
    expect((await catalogOf(null)).repositories).toEqual(['open/app'])
  })

  test('is there for every login too', async () => {
    expect((await ask('eve', 'GET /v2/open/app/manifests/v1')).status).toBe(200)
    expect((await catalogOf('eve')).repositories).toEqual(['open/app'])
  })
})

describe('a permission for some repositories', () => {
  test('gives these, whether they exist or not', async () => {
    expect((await ask('ann', 'GET /v2/shared/team/a/manifests/v1')).status).toBe(200)
    expect((await ask('ann', 'POST /v2/shared/team/new/blobs/uploads/')).status).toBe(202)
    expect((await ask('ann', 'DELETE /v2/shared/team/a/manifests/v1')).status).toBe(403)
  })

  test.each([
    'GET /v2/NAME/manifests/v1',
    'HEAD /v2/NAME/manifests/v1',
    'GET /v2/NAME/tags/list',
    `GET /v2/NAME/blobs/${images.other.layers[0]?.digest}`,
    `GET /v2/NAME/referrers/${images.other.manifest.digest}`,
    'POST /v2/NAME/blobs/uploads/',
    'PUT /v2/NAME/manifests/v1',
    'DELETE /v2/NAME/manifests/v1',
  ])('hides the others: %s', async (request) => {
    const hidden = await ask('ann', request.replace('NAME', 'shared/alpha/x'))
    const absent = await ask('ann', request.replace('NAME', 'shared/alphb/x'))
    const noFeed = await ask('ann', request.replace('NAME', 'sharec/alpha/x'))
    expect(hidden.status).toBe(404)
    expect(blurred(hidden, 'shared/alpha/x')).toEqual(blurred(absent, 'shared/alphb/x'))
    expect(blurred(hidden, 'shared/alpha/x')).toEqual(blurred(noFeed, 'sharec/alpha/x'))
  })

  test('filters the catalog, and its pages are full', async () => {
    expect((await catalogOf('ann')).repositories).toEqual([
      'open/app',
      'shared/team/a',
      'shared/team/b',
    ])
    const first = await catalogOf('ann', '?n=2')
    expect(first.repositories).toEqual(['open/app', 'shared/team/a'])
    expect(first.link).toContain('last=shared%2Fteam%2Fa')
    const second = await catalogOf('ann', '?n=2&last=shared%2Fteam%2Fa')
    expect(second).toEqual({ repositories: ['shared/team/b'], link: undefined })
  })

  test('is what a token says: a part of what was asked is still a token', async () => {
    const scopes = ['repository:shared/team/a:pull,push,delete', 'repository:shared/alpha/x:pull']
    const token = await fetchToken(server.url, basic('ann', password), scopes)
    const [, payload = ''] = token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    expect(claims.access).toEqual([
      { type: 'repository', name: 'shared/team/a', actions: ['pull', 'push'] },
    ])
  })

  test('is needed of the source of a mount', async () => {
    const mount = async (digest: string | undefined, from: string) => {
      const target = `/v2/shared/team/b/blobs/uploads/?mount=${digest}&from=${from}`
      return (await ask('ann', `POST ${target}`)).status
    }
    const digest = images.other.layers[0]?.digest
    expect(await mount(digest, 'shared/alpha/x')).toBe(202)
    expect(await mount(digest, 'private/app')).toBe(202)
    expect(await mount(absentDigest('nowhere'), 'shared/team/a')).toBe(202)
    expect(await mount(images.open.layers[0]?.digest, 'open/app')).toBe(201)
    expect(await mount(images.team.layers[0]?.digest, 'shared/team/a')).toBe(201)
  })
})

describe('a restriction for some repositories', () => {
  test('takes them out of what a feed group gives', async () => {
    expect((await ask('bob', 'GET /v2/private/app/manifests/v1')).status).toBe(200)
    expect((await ask('bob', 'GET /v2/shared/alpha/x/manifests/v1')).status).toBe(200)
    const hidden = await ask('bob', 'GET /v2/shared/team/a/manifests/v1')
    const absent = await ask('bob', 'GET /v2/shared/team/q/manifests/v1')
    expect(hidden.status).toBe(404)
    expect(blurred(hidden, 'team/a')).toEqual(blurred(absent, 'team/q'))
    expect((await catalogOf('bob')).repositories).toEqual([
      'open/app',
      'private/app',
      'shared/alpha/x',
      'shared/zeta/x',
    ])
  })
})

test('a permission counts within a second, for tokens too, and no longer than it is there', async () => {
  const eve = basic('eve', password)
  const pull = 'GET /v2/private/app/manifests/v1'
  expect((await ask('eve', pull)).status).toBe(404)
  const { id } = await allow({ user: 'eve', task: viewTask, feed: 'private' })
  await settled()
  const token = await fetchToken(server.url, eve, ['repository:private/app:pull'])
  expect((await ask('eve', pull, token)).status).toBe(200)
  await deletePermission({ db, by }, id)
  await settled()
  expect((await ask('eve', pull, token)).status).toBe(404)
})
