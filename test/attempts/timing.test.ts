import { createHook } from 'node:async_hooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi } from '../support/api-call.ts'
import { addPerson, adminOf, untilRulesAreNew } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import {
  findSlapd,
  ldapSettings,
  person,
  type Slapd,
  service,
  startSlapd,
} from '../support/slapd.ts'
import { basic, send } from '../support/wire.ts'

/** How many password hashes were begun in this process, whoever computes them. */
let hashes = 0
const hook = createHook({
  init(_id, type) {
    if (type === 'SCRYPTREQUEST') hashes += 1
  },
})

const slapd = findSlapd()
let server: TestServer
let directory: Slapd | undefined
beforeAll(async () => {
  server = await startServer()
  await addPerson(server, 'known')
  await addPerson(server, 'disabled')
  await call(adminOf(server), api.securityUsers.update, {
    body: { name: 'disabled', active: false },
  })
  await untilRulesAreNew()
  hook.enable()
})
afterAll(async () => {
  hook.disable()
  await server[Symbol.asyncDispose]()
  await directory?.[Symbol.asyncDispose]()
})

interface Attempt {
  readonly hashes: number
  readonly status: number
  readonly body: string
  readonly headers: readonly (readonly [string, string])[]
}

const doors: Readonly<Record<string, (user: string, password: string) => Promise<Attempt>>> = {
  'the token endpoint': (user, password) =>
    count(() =>
      send(server.url, { method: 'GET', target: '/v2/_auth', headers: header(user, password) }),
    ),
  'the token endpoint by POST': (user, password) =>
    count(() =>
      send(server.url, {
        method: 'POST',
        target: '/v2/_auth',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: String(new URLSearchParams({ grant_type: 'password', username: user, password })),
      }),
    ),
  'the wire': (user, password) =>
    count(() =>
      send(server.url, { method: 'GET', target: '/v2/', headers: header(user, password) }),
    ),
  'the API': (user, password) =>
    count(() =>
      send(server.url, {
        method: 'GET',
        target: '/api/sessions/whoami',
        headers: header(user, password),
      }),
    ),
  'the login of the pages': (user, password) =>
    count(() =>
      send(server.url, {
        method: 'POST',
        target: '/api/sessions/login',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ userName: user, password }),
      }),
    ),
}

function header(user: string, password: string) {
  return { authorization: basic(user, password) }
}

async function count(work: () => ReturnType<typeof send>): Promise<Attempt> {
  const before = hashes
  const answer = await work()
  return {
    hashes: hashes - before,
    status: answer.status,
    body: answer.body.toString('utf8'),
    headers: answer.rawHeaders.filter(([name]) => name.toLowerCase() !== 'date'),
  }
}

/** Everyone whose password is wrong, and the one whose right one does not count any more. */
const users = [
  'known',
  'KNOWN',
  'disabled',
  'nobody',
  'Admin',
  'Anonymous',
  'x'.repeat(90),
  'a\u0301',
]

describe.for(Object.keys(doors))('a wrong password at %s', (door) => {
  test('takes one hash and hears the same, whoever it is for', async () => {
    let round = 0
    const answers: Attempt[] = []
    for (const user of users) {
      round += 1
      const wrong = `wrong password ${round}`
      answers.push((await doors[door]?.(user, wrong)) ?? never())
    }
    expect(answers[0]).toMatchObject({ hashes: 1, status: 401 })
    for (const [at, answer] of answers.entries()) expect(answer, users[at]).toEqual(answers[0])
  })

  test('the right password of a disabled user is a wrong one of nobody', async () => {
    const disabled = await doors[door]?.('disabled', 'the long password of disabled')
    const nobody = await doors[door]?.('nobody', 'the long password of disabled')
    expect(disabled).toMatchObject({ hashes: 1, status: 401 })
    expect(disabled).toEqual(nobody)
  })

  test('what no password can be takes as long: empty, NUL, too long', async () => {
    for (const password of ['', 'x\0y', 'x'.repeat(3000)]) {
      const known = await doors[door]?.('known', password)
      const nobody = await doors[door]?.('nobody', password)
      expect(known).toMatchObject({ hashes: 1 })
      expect(known).toEqual(nobody)
    }
  })
})

test('asked about a second time, neither is remembered as wrong: each costs a hash again', async () => {
  for (const user of ['known', 'nobody', 'disabled']) {
    const again = [
      await doors['the wire']?.(user, 'the same wrong one'),
      await doors['the wire']?.(user, 'the same wrong one'),
    ]
    expect(again.map((each) => each?.hashes)).toEqual([1, 1])
  }
})

test('keys, tokens and cookies that are wrong cost no hash, known or not', async () => {
  const key = await server.createKey('main')
  for (const headers of [
    { authorization: basic('api', key.key) },
    { authorization: basic('api', `ent_${'x'.repeat(43)}`) },
    { authorization: `Bearer ${key.key}` },
    { authorization: basic('api', 'short') },
  ]) {
    const answer = await count(() => send(server.url, { method: 'GET', target: '/v2/', headers }))
    expect(answer.hashes).toBe(0)
  }
})

describe.skipIf(slapd.skip)(`with a directory ${slapd.reason}`, () => {
  beforeAll(async () => {
    directory = await startSlapd(slapd, [person({ uid: 'dora', password: 'dora-password' })])
    await call(adminOf(server), api.directories.add, {
      body: {
        name: 'corp',
        kind: 'ldap',
        secret: service.password,
        settings: ldapSettings(directory),
      },
    })
    await untilRulesAreNew()
    const first = await askApi(server.url, {
      target: '/api/sessions/whoami',
      headers: header('dora', 'dora-password'),
    })
    expect(first.body).toMatchObject({ name: 'dora' })
  })

  test.for(Object.keys(doors))(
    'at %s, a user of the directory, of the server and of nobody cost one hash and hear the same',
    async (door, { expect }) => {
      const answers: Attempt[] = []
      for (const user of ['known', 'disabled', 'nobody', 'dora', 'DORA', 'Admin']) {
        answers.push((await doors[door]?.(user, 'the wrong one')) ?? never())
      }
      expect(answers[0]).toMatchObject({ hashes: 1, status: 401 })
      for (const answer of answers) expect(answer).toEqual(answers[0])
    },
  )

  test('the directory never hears of a name of the server’s own (SECURITY.md says what this costs)', async () => {
    const before = directory?.operations().length ?? 0
    await doors['the wire']?.('known', 'the wrong one again')
    await doors['the wire']?.('disabled', 'the long password of disabled')
    expect(directory?.operations().length).toBe(before)
    await doors['the wire']?.('nobody', 'the wrong one again')
    expect(directory?.operations().length).toBeGreaterThan(before)
  })
})

function never(): never {
  throw new Error('there is such a door')
}
