import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi, clientOf, cookieOf, pageHeaders } from '../support/api-call.ts'
import { describeDatabases } from '../support/databases.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic } from '../support/wire.ts'

const password = 'a long enough password'

describeDatabases('sessions', ({ dialect, newUrl }) => {
  let server: TestServer
  let userCount = 0
  beforeAll(async () => {
    server = await startServer(dialect === 'postgres' ? { databaseUrl: await newUrl() } : {})
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const admin = () => clientOf(server.url, server.admin)
  const newUser = async () => {
    userCount += 1
    const name = `user${userCount}`
    await call(admin(), api.securityUsers.add, { body: { name, password } })
    return name
  }
  const logIn = (userName: string, headers: Readonly<Record<string, string>> = {}) =>
    askApi(server.url, {
      target: '/api/sessions/login',
      headers,
      json: { userName, password },
    })
  const whoami = (cookie: string) =>
    askApi(server.url, { target: '/api/sessions/whoami', headers: { cookie } })
  const post = (target: string, headers: Readonly<Record<string, string>>) =>
    askApi(server.url, { method: 'POST', target, headers })

  test('a login answers who it is and sets a cookie that pages cannot read', async () => {
    const name = await newUser()
    const answer = await logIn(name)
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']).toMatch(
      /^entrepot-session=ents_[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
    )
    expect(answer.body).toMatchObject({
      kind: 'user',
      name,
      administrator: false,
      user: { name, groups: [], directory: null },
    })
    const again = await whoami(cookieOf(answer))
    expect(again.body).toMatchObject({ kind: 'user', name, session: { id: expect.any(Number) } })
    expect(JSON.stringify([answer.body, again.body])).not.toContain('ents_')
  })

  test('wrong passwords, unknown users and the name of keys begin no session', async () => {
    const name = await newUser()
    for (const body of [
      { userName: name, password: 'wrong password' },
      { userName: 'nobody-at-all', password },
    ]) {
      const answer = await askApi(server.url, { target: '/api/sessions/login', json: body })
      expect(answer.status).toBe(401)
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    const key = await call(admin(), api.apiKeys.create, { body: { type: 'system' } })
    const answer = await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: 'api', password: key.key },
    })
    expect(answer.status).toBe(422)
  })

  test('a login takes no session that somebody else fixed, and ends the one there was', async () => {
    const name = await newUser()
    const fixed = `entrepot-session=ents_${'A'.repeat(43)}`
    const first = cookieOf(await logIn(name, { cookie: fixed }))
    expect(first).not.toBe(fixed)
    expect((await whoami(fixed)).status).toBe(401)
    const second = cookieOf(await logIn(name, pageHeaders(server.url, first)))
    expect(second).not.toBe(first)
    expect((await whoami(first)).status).toBe(401)
    expect((await whoami(second)).status).toBe(200)
  })

  test('a session that has ended is 401 until the browser logs out or in', async () => {
    const name = await newUser()
    const cookie = cookieOf(await logIn(name))
    const out = await post('/api/sessions/logout', pageHeaders(server.url, cookie))
    expect(out.status).toBe(200)
    expect(out.headers['set-cookie']).toMatch(/^entrepot-session=; .*Max-Age=0/)
    expect((await whoami(cookie)).status).toBe(401)
    const again = await post('/api/sessions/logout', pageHeaders(server.url, cookie))
    expect(again.status).toBe(200)
    expect(again.headers['set-cookie']).toMatch(/^entrepot-session=; .*Max-Age=0/)
  })

  test('a late refusal of a former session leaves the cookie of a login that came meanwhile', async () => {
    const name = await newUser()
    const former = cookieOf(await logIn(name))
    const current = cookieOf(await logIn(name, pageHeaders(server.url, former)))
    // Sent before the login, answered after it: a browser would obey what this sets.
    for (const late of [
      await whoami(former),
      await post('/api/sessions/logout-everywhere', pageHeaders(server.url, former)),
    ]) {
      expect(late.status).toBe(401)
      expect(late.headers['set-cookie']).toBeUndefined()
    }
    expect((await whoami(current)).status).toBe(200)
  })

  test('the sessions of a user can be listed, ended one by one, and all at once', async () => {
    const name = await newUser()
    const cookies = [await logIn(name), await logIn(name), await logIn(name)].map(cookieOf)
    const [one = '', two = '', three = ''] = cookies
    const list = await askApi(server.url, {
      target: '/api/sessions/list',
      headers: { cookie: one },
    })
    const sessions = list.body as { id: number; current: boolean }[]
    expect(sessions).toHaveLength(3)
    expect(sessions.filter(({ current }) => current)).toHaveLength(1)
    expect(JSON.stringify(sessions)).not.toContain('ents_')
    const [newest] = sessions
    const ended = await post(`/api/sessions/delete?id=${newest?.id}`, pageHeaders(server.url, one))
    expect(ended.status).toBe(200)
    expect([(await whoami(two)).status, (await whoami(three)).status]).toEqual([200, 401])
    const all = await post('/api/sessions/logout-everywhere', pageHeaders(server.url, one))
    expect(all.body).toEqual({ ended: 2 })
    for (const cookie of cookies) expect((await whoami(cookie)).status).toBe(401)
  })

  test("nobody ends another user's session", async () => {
    const [mine, theirs] = [await logIn(await newUser()), await logIn(await newUser())]
    const { session } = theirs.body as { session: { id: number } }
    const target = `/api/sessions/delete?id=${session.id}`
    expect((await post(target, pageHeaders(server.url, cookieOf(mine)))).status).toBe(200)
    expect((await whoami(cookieOf(theirs))).status).toBe(200)
  })

  test('a new password, and being switched off, end every session at once', async () => {
    for (const changes of [{ password: 'another long password' }, { active: false }]) {
      const name = await newUser()
      const cookie = cookieOf(await logIn(name))
      expect((await whoami(cookie)).status).toBe(200)
      await call(admin(), api.securityUsers.update, { body: { name, ...changes } })
      expect((await whoami(cookie)).status).toBe(401)
    }
  })

  test('a login right after a new password, or after signing out everywhere, begins a session that lives', async () => {
    const name = await newUser()
    // Known with the old password a moment ago.
    const first = cookieOf(await logIn(name))
    expect((await whoami(first)).status).toBe(200)
    const newPassword = 'a password of my own'
    const own = clientOf(server.url, basic(name, password))
    await call(own, api.securityUsers.changePassword, { body: { password, newPassword } })
    const logInAnew = async () => {
      const json = { userName: name, password: newPassword }
      const answer = await askApi(server.url, { target: '/api/sessions/login', json })
      expect(answer.status).toBe(200)
      expect((await whoami(cookieOf(answer))).status).toBe(200)
      return cookieOf(answer)
    }
    const cookie = await logInAnew()
    await post('/api/sessions/logout-everywhere', pageHeaders(server.url, cookie))
    expect((await whoami(cookie)).status).toBe(401)
    await logInAnew()
  })

  test('a deleted user is out at once', async () => {
    const name = await newUser()
    const cookie = cookieOf(await logIn(name))
    await call(admin(), api.securityUsers.delete, { query: { user: name } })
    expect((await whoami(cookie)).status).toBe(401)
  })

  test('users change their own password with the old one, and log in with the new', async () => {
    const name = await newUser()
    const cookie = cookieOf(await logIn(name))
    const change = (body: object) =>
      askApi(server.url, {
        target: '/api/security/users/change-password',
        headers: pageHeaders(server.url, cookie),
        json: body,
      })
    const wrong = await change({ password: 'not the one', newPassword: 'another long password' })
    expect(wrong.status).toBe(422)
    expect(JSON.stringify(wrong.body)).not.toContain('not the one')
    expect((await change({ password, newPassword: 'short' })).status).toBe(422)
    expect((await change({ password, newPassword: 'another long password' })).status).toBe(200)
    expect((await whoami(cookie)).status).toBe(401)
    await sleep(1000)
    const answer = await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: name, password: 'another long password' },
    })
    expect(answer.status).toBe(200)
    expect((await whoami(cookieOf(answer))).status).toBe(200)
  })
})
