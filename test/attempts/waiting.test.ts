import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { type Authenticator, openAuthenticator } from '../../server/auth/authenticate.ts'
import { changeOwnPassword } from '../../server/auth/own-password.ts'
import { openPasswords, type Passwords } from '../../server/auth/password.ts'
import { importDocument } from '../../server/auth/security-transfer.ts'
import { addUser, updateUser } from '../../server/auth/users.ts'
import { deleteUser, updateUser as updateRow } from '../../server/db/user-changes.ts'
import { type Accounts, openAccounts, tests } from '../support/accounts.ts'
import { askApi, clientOf, cookieOf, pageHeaders } from '../support/api-call.ts'
import { blob, type Content, image, index } from '../support/content.ts'
import { describeDatabases } from '../support/databases.ts'
import { type OpenRequest, openRequest } from '../support/open-request.ts'
import {
  addPerson,
  adminOf,
  allow,
  logIn,
  type Person,
  statusOf,
  tasks,
  tokenFor,
  untilRulesAreNew,
} from '../support/people.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'

const password = 'a long enough password'
const other = 'another long password'

describeDatabases('while a password is looked at, behind all others that wait', (databases) => {
  let accounts: Accounts
  beforeAll(async () => {
    accounts = await openAccounts(await databases.open())
  })

  /** As the real ones, but something happens between the answer and who hears it. */
  const meanwhile = (happens: () => Promise<unknown>): Passwords => ({
    ...accounts.passwords,
    hash: async (secret) => {
      const hash = await accounts.passwords.hash(secret)
      await happens()
      return hash
    },
    verify: async (attempt) => {
      const isRight = await accounts.passwords.verify(attempt)
      await happens()
      return isRight
    },
  })
  const authenticatorWith = (passwords: Passwords) => openAuthenticator({ ...accounts, passwords })
  const refusalOf = (login: Promise<unknown>) =>
    login.then(
      () => 'let in',
      (error: { readonly code: string }) => error.code,
    )

  const ends: readonly (readonly [what: string, end: (userId: number) => Promise<unknown>])[] = [
    ['is disabled', (userId) => accounts.db.write(updateRow, { userId, active: false, by: tests })],
    ['is deleted', (userId) => accounts.db.write(deleteUser, { userId, by: tests })],
    [
      'gets another password',
      async (userId) => {
        const passwordHash = await accounts.passwords.hash(other)
        await accounts.db.write(updateRow, { userId, passwordHash, by: tests })
      },
    ],
  ]
  test.each(ends)('a user who %s is not let in', async (what, end) => {
    const name = `user who ${what}`
    const userId = await accounts.addUser(name, password)
    for (const origin of [{}, { isLasting: true }]) {
      const authenticator = authenticatorWith(
        meanwhile(async () => {
          await end(userId)
          // What was read before the wait is old by now.
          accounts.pass(1000)
        }),
      )
      expect(await refusalOf(authenticator.logIn(name, password, origin))).toBe('UNAUTHORIZED')
    }
  })

  test('a user who is deleted does not set the password of the next one of that name', async () => {
    await using folder = makeTemporaryFolder('own-password')
    const deps = { db: accounts.db, dataDir: folder.path, by: tests }
    const swap = async (name: string, userId: number) => {
      await accounts.db.write(deleteUser, { userId, by: tests })
      await accounts.addUser(name, 'the password of the new one')
      accounts.pass(1000)
    }
    const stages: Readonly<Record<string, (happens: () => Promise<void>) => Stage>> = {
      'before the old password was looked at': (happens) => ({
        passwords: accounts.passwords,
        authenticator: {
          async logIn(...login) {
            await happens()
            return accounts.authenticator.logIn(...login)
          },
        },
      }),
      'after the old password was looked at': (happens) => ({
        passwords: accounts.passwords,
        authenticator: {
          async logIn(...login) {
            const principal = await accounts.authenticator.logIn(...login)
            await happens()
            return principal
          },
        },
      }),
      'while the new password is hashed': (happens) => ({
        passwords: meanwhile(happens),
        authenticator: accounts.authenticator,
      }),
    }
    for (const [stage, make] of Object.entries(stages)) {
      const name = `deleted ${stage}`
      const userId = await accounts.addUser(name, password)
      const principal = await accounts.authenticator.logIn(name, password)
      const change = changeOwnPassword(
        { ...deps, ...make(() => swap(name, userId)) },
        { principal, password, newPassword: other },
      )
      expect(await refusalOf(change), stage).toBe('INVALID_FIELDS')
      accounts.pass(1000)
      expect(await refusalOf(accounts.authenticator.logIn(name, other)), stage).toBe('UNAUTHORIZED')
      const login = accounts.authenticator.logIn(name, 'the password of the new one')
      expect((await login).name).toBe(name)
    }
  }, 60_000)

  test('who may not administer any more neither adds nor changes users', async () => {
    await using folder = makeTemporaryFolder('no-administrator')
    const { db, passwords } = accounts
    const permit = () => Promise.reject(Object.assign(new Error('no more'), { code: 'DENIED' }))
    const deps = { db, passwords, dataDir: folder.path, by: tests, permit }
    await accounts.addUser('bystander', password)
    const adding = addUser(deps, { name: 'intruder', password })
    expect(await refusalOf(adding)).toBe('DENIED')
    expect(await refusalOf(updateUser(deps, 'bystander', { password: other }))).toBe('DENIED')
    expect(await refusalOf(accounts.authenticator.logIn('intruder', password))).toBe('UNAUTHORIZED')
    expect((await accounts.authenticator.logIn('bystander', password)).name).toBe('bystander')
    const users = [{ userName: 'intruder', password }]
    expect(await refusalOf(importDocument(deps, { users }, false))).toBe('DENIED')
    expect(await refusalOf(accounts.authenticator.logIn('intruder', password))).toBe('UNAUTHORIZED')
  })
})

interface Stage {
  readonly passwords: Passwords
  readonly authenticator: Pick<Authenticator, 'logIn'>
}

describe('while a body comes slowly', () => {
  let server: TestServer
  const before = image('slow bodies, before')
  const moved = index([])
  const layer = blob('slow bodies', 100_000)
  const tag = '/v2/main/app/manifests/v1'
  beforeAll(async () => {
    server = await startServer({}, { patience: { wholeBodyMs: 4_000 } })
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'main/app', before, ['v1'])
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const losses: readonly (readonly [what: string, status: number, lose: Loss])[] = [
    [
      'is deleted',
      401,
      async ({ name }) => {
        await call(adminOf(server), api.securityUsers.delete, { query: { user: name } })
      },
    ],
    [
      'gets another password',
      401,
      async ({ name }) => {
        await call(adminOf(server), api.securityUsers.update, { body: { name, password: other } })
      },
    ],
    [
      'may not push any more',
      403,
      async ({ name, ruleId }) => {
        const query = { permissionId: String(ruleId) }
        await call(adminOf(server), api.securityPermissions.delete, { query })
        await allow(server, { user: name, task: tasks.view, feed: 'main' })
      },
    ],
    [
      'may not see the repository any more',
      404,
      async ({ name }) => {
        const rule = { user: name, task: tasks.view, feed: 'main', repositories: 'app' }
        await allow(server, { ...rule, deny: true })
      },
    ],
  ]
  let people = 0
  const newPusher = async (): Promise<Pusher> => {
    people += 1
    const person = await addPerson(server, `pusher ${people}`)
    const rule = { user: person.name, task: tasks.publish, feed: 'main' }
    const ruleId = await allow(server, rule)
    await untilRulesAreNew()
    return { ...person, ruleId }
  }
  /** Begins the body, and ends it once the sender has lost its rights. */
  const pushSlowly = async (open: OpenRequest, body: Content, lose: () => Promise<void>) => {
    await open.write(body.bytes.subarray(0, body.size / 2))
    await lose()
    await untilRulesAreNew()
    await open.write(body.bytes.subarray(body.size / 2))
    open.end()
    return await open.answer
  }
  const asAdmin = () => ({ headers: { authorization: server.admin } })

  const pushManifest = async (lose: Loss, credentials: 'basic' | 'token') => {
    const person = await newPusher()
    const token = await tokenFor(server, person.authorization, 'repository:main/app:pull,push')
    const authorization = credentials === 'basic' ? person.authorization : token
    const headers = { authorization, 'content-type': moved.mediaType }
    const open = openRequest(server.url, { method: 'PUT', target: tag, headers })
    return await pushSlowly(open, moved, () => lose(person))
  }

  test.for(losses)('who %s moves no tag', async ([, status, lose]) => {
    const answers = await Promise.all([pushManifest(lose, 'basic'), pushManifest(lose, 'token')])
    expect(answers).toMatchObject([{ status }, { status }])
    const { headers } = await send(server.url, { method: 'HEAD', target: tag, ...asAdmin() })
    expect(headers['docker-content-digest']).toBe(before.manifest.digest)
  })

  const pushBlob = async (lose: Loss, method: 'POST' | 'PUT') => {
    const person = await newPusher()
    const headers = { authorization: person.authorization }
    let target = `/v2/main/app/blobs/uploads/?digest=${layer.digest}`
    if (method === 'PUT') {
      const begun = { method: 'POST', target: '/v2/main/app/blobs/uploads/', headers }
      const { location } = (await send(server.url, begun)).headers
      target = `${location}?digest=${layer.digest}`
    }
    const open = openRequest(server.url, { method, target, headers })
    return await pushSlowly(open, layer, () => lose(person))
  }

  test.for(losses)('who %s pushes no blob', async ([, status, lose]) => {
    const answers = await Promise.all([pushBlob(lose, 'POST'), pushBlob(lose, 'PUT')])
    expect(answers).toMatchObject([{ status }, { status }])
    const found = `/v2/main/app/blobs/${layer.digest}`
    expect(await statusOf(server, found, asAdmin().headers)).toBe(404)
  })

  test('a manifest that never ends is given up, however steadily it comes', async () => {
    const headers = { ...asAdmin().headers, 'content-type': moved.mediaType }
    const open = openRequest(server.url, { method: 'PUT', target: tag, headers })
    const drip = setInterval(() => {
      open.write(Buffer.from(' ')).catch(() => {})
    }, 100)
    const answer = await open.answer
    clearInterval(drip)
    expect(answer).toMatchObject({ status: 408 })
  })
})

type Loss = (person: Pusher) => Promise<void>

interface Pusher extends Person {
  /** Of the rule that lets it push. */
  readonly ruleId: number
}

describe('what one user may have many of', () => {
  let server: TestServer
  let person: Person
  beforeAll(async () => {
    server = await startServer()
    person = await addPerson(server, 'collector')
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('100 personal keys, and no more until one is deleted', async () => {
    const headers = { authorization: person.authorization }
    const create = () =>
      askApi(server.url, { target: '/api/api-keys/create', headers, json: { type: 'personal' } })
    const statuses: number[] = []
    for (let count = 0; count < 101; count += 1) statuses.push((await create()).status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(100)
    expect(statuses.at(-1)).toBe(409)
    const target = '/api/api-keys/delete?id=1'
    expect((await askApi(server.url, { method: 'POST', target, headers })).status).toBe(200)
    expect((await create()).status).toBe(200)
  })

  test('100 sessions: of more the oldest end', async () => {
    const cookies: string[] = []
    for (let count = 0; count < 102; count += 1) {
      const json = { userName: person.name, password: person.password }
      const answer = await askApi(server.url, { target: '/api/sessions/login', json })
      cookies.push(cookieOf(answer))
    }
    const whoami = async (cookie = '') =>
      (await askApi(server.url, { target: '/api/sessions/whoami', headers: { cookie } })).status
    expect(await Promise.all(cookies.slice(0, 3).map(whoami))).toEqual([401, 401, 200])
    expect(await whoami(cookies.at(-1))).toBe(200)
  })
})

test('the names of one account in a directory count as one for the back-off', async () => {
  await using server = await startServer({}, { slowsDown: true })
  const names = [
    'lara',
    'lara ',
    ' lara',
    'la  ra',
    'CORP\\lara',
    'lara@corp.example',
    'corp\\ Lara',
  ]
  const statuses: number[] = []
  for (const userName of names) {
    const json = { userName, password: 'a wrong password' }
    statuses.push((await askApi(server.url, { target: '/api/sessions/login', json })).status)
  }
  // Five are free; one of these names is another one.
  expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429])
})

test('what waits for a session is not served once the session has ended', async () => {
  await using server = await startServer({}, { passwords: openPasswords() })
  const headers = pageHeaders(
    server.url,
    await logIn(server, { name: 'Admin', password: server.adminPassword }),
  )
  const users = Array.from({ length: 12 }, (_, at) => ({ userName: `late${at}`, password }))
  const importing = askApi(server.url, { target: '/api/security/import', headers, json: { users } })
  await sleep(300)
  await askApi(server.url, { method: 'POST', target: '/api/sessions/logout', headers })
  expect((await importing).status).toBe(401)
  const admin = clientOf(server.url, server.admin)
  const found = await call(admin, api.securityUsers.list, {})
  expect(found.map(({ name }) => name)).toEqual(['Admin'])
  const events = await call(admin, api.audit.list, { query: { kind: 'session.ended' } })
  expect(events).toMatchObject([{ by: 'Admin', address: '127.0.0.1' }])
}, 60_000)

test('an import has bounds', async () => {
  await using server = await startServer()
  const headers = { authorization: server.admin }
  const target = '/api/security/import'
  const many = Array.from({ length: 501 }, (_, at) => ({ userName: `u${at}`, password }))
  const refused = await askApi(server.url, { target, headers, json: { users: many } })
  expect(refused).toMatchObject({ status: 422 })
  expect(JSON.stringify(refused.body)).toContain('At most 500 users with a password')
  const groups = Array.from({ length: 600 }, (_, at) => `g${at}`)
  const members = Array.from({ length: 100 }, (_, at) => ({ userName: `m${at}`, groups }))
  const wide = await askApi(server.url, { target, headers, json: { users: members } })
  expect(JSON.stringify(wide.body)).toContain('At most 50000 memberships')
})

test('a registry that is switched off is not shown to who may only view it', async () => {
  await using server = await startServer()
  await server.createFeed('off', { active: false })
  const viewer = await addPerson(server, 'viewer', { task: tasks.view, feed: 'off' })
  await untilRulesAreNew()
  const headers = { authorization: viewer.authorization }
  const ask = (name: string) =>
    askApi(server.url, { target: `/api/management/feeds/get/${name}`, headers })
  const [off, absent] = [await ask('off'), await ask('abs')]
  expect(off.status).toBe(404)
  expect(JSON.stringify(off.body)).toBe(JSON.stringify(absent.body).replaceAll('abs', 'off'))
  const asAdmin = {
    target: '/api/management/feeds/get/off',
    headers: { authorization: server.admin },
  }
  expect((await askApi(server.url, asAdmin)).status).toBe(200)
})
