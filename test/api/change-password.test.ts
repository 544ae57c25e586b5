import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi, clientOf, cookieOf, pageHeaders } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'

const password = 'a long enough password'
const newPassword = 'another long password'
let server: TestServer
beforeAll(async () => {
  server = await startServer({ trustProxy: ['127.0.0.1'] }, { slowsDown: true })
})
afterAll(() => server[Symbol.asyncDispose]())

const from = (address: string) => ({ 'x-forwarded-for': address })
const logIn = (userName: string, address: string, secret = password) =>
  askApi(server.url, {
    target: '/api/sessions/login',
    headers: from(address),
    json: { userName, password: secret },
  })
async function newSession(userName: string): Promise<string> {
  const admin = clientOf(server.url, server.admin)
  await call(admin, api.securityUsers.add, { body: { name: userName, password } })
  return cookieOf(await logIn(userName, '192.0.2.1'))
}
const change = (cookie: string, address: string, old: string) =>
  askApi(server.url, {
    target: '/api/security/users/change-password',
    headers: { ...pageHeaders(server.url, cookie), ...from(address) },
    json: { password: old, newPassword },
  })

test('who has a session cannot guess the password: each failure counts as one of a login', async () => {
  const cookie = await newSession('ann')
  for (let count = 0; count < 5; count += 1) {
    expect(await change(cookie, '192.0.2.66', `guess ${count}`)).toMatchObject({ status: 422 })
  }
  const later = await change(cookie, '192.0.2.66', password)
  expect(later).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })
  expect(later.body).toMatchObject({ code: 'TOOMANYREQUESTS' })
  // It is one account with logins, at that address alone.
  expect((await logIn('ann', '192.0.2.66')).status).toBe(429)
  expect((await logIn('ann', '192.0.2.1')).status).toBe(200)
  expect((await change(cookie, '192.0.2.1', password)).status).toBe(200)
})

test('failed logins slow down changes too, and guesses are in the audit', async () => {
  const cookie = await newSession('ben')
  for (let count = 0; count < 3; count += 1) await logIn('ben', '192.0.2.67', 'wrong one')
  for (let count = 0; count < 2; count += 1) {
    expect(await change(cookie, '192.0.2.67', `guess ${count}`)).toMatchObject({ status: 422 })
  }
  expect((await change(cookie, '192.0.2.67', password)).status).toBe(429)
  const admin = clientOf(server.url, server.admin)
  const failures = async () => {
    const query = { kind: 'login.failed' }
    const events = await call(admin, api.audit.list, { query })
    return events
      .filter(({ detail }) => detail.user === 'ben')
      .reduce((sum, { detail }) => sum + Number(detail.failed), 0)
  }
  await expect.poll(failures, { timeout: 10_000, interval: 300 }).toBeGreaterThan(0)
})
