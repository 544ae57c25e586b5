import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi, clientOf, cookieOf, pageHeaders } from '../support/api-call.ts'
import { describeDatabases } from '../support/databases.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic, jsonOf, send } from '../support/wire.ts'

const password = 'a long enough password'
const newPassword = 'another long password'

describeDatabases('what ends the logins of a user', ({ dialect, newUrl }) => {
  let server: TestServer
  let count = 0
  beforeAll(async () => {
    server = await startServer(dialect === 'postgres' ? { databaseUrl: await newUrl() } : {})
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const admin = () => clientOf(server.url, server.admin)

  /** A user with all that can be issued: two sessions, a token, what `docker login` keeps, a key. */
  async function newUser() {
    count += 1
    const name = `user${count}`
    await call(admin(), api.securityUsers.add, { body: { name, password } })
    const own = basic(name, password)
    const logIn = async () =>
      cookieOf(
        await askApi(server.url, {
          target: '/api/sessions/login',
          json: { userName: name, password },
        }),
      )
    const cookies = [await logIn(), await logIn()]
    const answer = await send(server.url, {
      method: 'GET',
      target: '/v2/_auth?service=registry&offline_token=true',
      headers: { authorization: own },
    })
    const { token, refresh_token: refreshToken } = jsonOf(answer) as Record<string, string>
    const client = clientOf(server.url, own)
    const { key } = await call(client, api.apiKeys.create, { body: { type: 'personal' } })
    return { name, own, cookies, token, refreshToken: refreshToken ?? '', key: key ?? '' }
  }
  type User = Awaited<ReturnType<typeof newUser>>

  const refresh = async ({ refreshToken }: Pick<User, 'refreshToken'>) =>
    (
      await send(server.url, {
        method: 'POST',
        target: '/v2/_auth',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `grant_type=refresh_token&service=registry&refresh_token=${refreshToken}`,
      })
    ).status
  const ping = async (authorization: string) =>
    (await send(server.url, { method: 'GET', target: '/v2/', headers: { authorization } })).status
  const whoami = async (cookie: string) =>
    (await askApi(server.url, { target: '/api/sessions/whoami', headers: { cookie } })).status
  const post = (target: string, cookie: string, json?: unknown) =>
    askApi(server.url, {
      method: 'POST',
      target,
      headers: pageHeaders(server.url, cookie),
      ...(json !== undefined && { json }),
    })

  const ends: readonly (readonly [what: string, work: (user: User) => Promise<unknown>])[] = [
    [
      'signing out everywhere',
      ({ cookies }) => post('/api/sessions/logout-everywhere', cookies[0] ?? ''),
    ],
    [
      'changing the password',
      ({ cookies }) =>
        post('/api/security/users/change-password', cookies[0] ?? '', { password, newPassword }),
    ],
    [
      'a password reset',
      ({ name }) =>
        call(admin(), api.securityUsers.update, { body: { name, password: newPassword } }),
    ],
    [
      'switching the user off',
      ({ name }) => call(admin(), api.securityUsers.update, { body: { name, active: false } }),
    ],
    [
      'deleting the user',
      ({ name }) => call(admin(), api.securityUsers.delete, { query: { user: name } }),
    ],
  ]
  test.for(ends)(
    '%s: sessions and docker logins at once, tokens within a second',
    async ([what, end]) => {
      const [user, other] = [await newUser(), await newUser()]
      const ofUser = async (each: User) => [
        await refresh(each),
        ...(await Promise.all(each.cookies.map(whoami))),
      ]
      expect(await ofUser(user)).toEqual([200, 200, 200])
      expect(await ping(`Bearer ${user.token}`)).toBe(200)
      await end(user)
      expect(await ofUser(user)).toEqual([401, 401, 401])
      expect(await ofUser(other)).toEqual([200, 200, 200])
      await sleep(1000)
      expect(await ping(`Bearer ${user.token}`)).toBe(401)
      expect(await ping(`Bearer ${other.token}`)).toBe(200)
      // A personal key is no login: it goes with the user alone.
      const isGone = /off|deleting/.test(what)
      expect(await ping(basic('api', user.key))).toBe(isGone ? 401 : 200)
    },
  )

  test('who signed out everywhere logs in again with the same password, and the audit has it', async () => {
    const { name, own, cookies } = await newUser()
    const answer = await post('/api/sessions/logout-everywhere', cookies[0] ?? '')
    expect(answer.body).toEqual({ ended: 2 })
    expect(await ping(own)).toBe(200)
    const events = await call(admin(), api.audit.list, { query: { kind: 'user.signed-out' } })
    expect(events).toContainEqual(
      expect.objectContaining({
        by: name,
        address: '127.0.0.1',
        detail: { user: name, sessions: 2 },
      }),
    )
  })
})
