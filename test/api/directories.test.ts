import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let admin: Client
beforeAll(async () => {
  server = await startServer()
  admin = clientOf(server.url, server.admin)
})
afterAll(() => server[Symbol.asyncDispose]())

const { directories } = api
const secret = 'the-secret-of-the-directory'
// Nobody listens there: nothing here talks to a directory that answers.
const ldap = {
  host: '127.0.0.1',
  port: 1,
  security: 'none',
  bindDn: 'cn=reader,dc=example,dc=test',
  userSearchBase: 'dc=example,dc=test',
}

test('a directory is added, changed, ordered, tried and deleted; its secret is never shown', async () => {
  const added = await call(admin, directories.add, {
    body: { name: 'corp', kind: 'ldap', settings: ldap, secret },
  })
  expect(added).toMatchObject({ name: 'corp', enabled: true, hasSecret: true })
  await call(admin, directories.add, {
    body: {
      name: 'sso',
      kind: 'oidc',
      settings: { issuer: 'http://127.0.0.1:1', clientId: 'entrepot' },
      secret,
    },
  })
  expect(await call(clientOf(server.url), directories.providers)).toEqual([
    { name: 'sso', loginUrl: '/auth/oidc/sso/start' },
  ])
  const ordered = await call(admin, directories.order, { body: { directories: ['sso'] } })
  expect(ordered.map(({ name }) => name)).toEqual(['sso', 'corp'])
  const query = { directory: 'corp' }
  const off = await call(admin, directories.update, { query, body: { enabled: false } })
  expect(off).toEqual({ ...added, enabled: false })
  const tried = await call(admin, directories.test, { body: { directory: 'corp', user: 'ann' } })
  expect(tried.ok).toBe(false)
  expect(tried.steps.at(-1)?.reason).toMatch(/\w/)
  const all = JSON.stringify([added, ordered, off, tried, await call(admin, api.audit.list)])
  expect(all).not.toContain(secret)
  for (let i = 0; i < 2; i++) await call(admin, directories.delete, { query })
  expect((await call(admin, directories.list)).map(({ name }) => name)).toEqual(['sso'])
})

test('a broken filter is refused with the words of its parser', async () => {
  const settings = { ...ldap, usersFilter: '(&(uid=%s)' }
  const add = call(admin, directories.add, {
    body: { name: 'broken', kind: 'ldap', settings, secret },
  })
  const { status, errors } = await problemOf(add)
  expect(status).toBe(422)
  expect(errors).toEqual([{ field: 'usersFilter', message: expect.stringMatching(/\w/) }])
})

test('the stored secret is not sent to another server', async () => {
  const body = { name: 'moved', kind: 'ldap' as const, settings: ldap, secret }
  await call(admin, directories.add, { body })
  const query = { directory: 'moved' }
  const settings = { ...ldap, host: '127.0.0.2' }
  const move = call(admin, directories.update, { query, body: { settings } })
  expect(await problemOf(move)).toMatchObject({ status: 422, errors: [{ field: 'secret' }] })
  const none = call(admin, directories.update, { query: { directory: 'none' }, body: {} })
  expect((await problemOf(none)).status).toBe(404)
})
