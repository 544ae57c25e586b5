import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { changeDirectory, createDirectory } from '../../server/auth/directories/directories.ts'
import {
  type Directories,
  openDirectories,
} from '../../server/auth/directories/open-directories.ts'
import { openPrincipals } from '../../server/auth/principals.ts'
import { openSecretKey } from '../../server/auth/secret-key.ts'
import { openSessions, type Sessions } from '../../server/auth/session.ts'
import type { Db } from '../../server/db/database.ts'
import { groupNamesOfUsers } from '../../server/db/group-members.ts'
import { insertGroup } from '../../server/db/groups.ts'
import { findUserByKey, insertUser } from '../../server/db/users.ts'
import { accessName } from '../../server/domain/access-name.ts'
import { readSessionCookie } from '../../server/http/api/session-cookie.ts'
import { authRoutes } from '../../server/http/auth-routes.ts'
import { createReadCaller } from '../../server/http/base-url.ts'
import { openSettings } from '../../server/registry/settings.ts'
import { findChromium, launchChromium } from '../support/chromium.ts'
import { sqliteDatabases } from '../support/databases.ts'
import { findFreePort } from '../support/free-port.ts'
import { openMemoryLog } from '../support/memory-log.ts'
import {
  clientId,
  clientSecret,
  logInAtProvider,
  type OidcProvider,
  startOidcProvider,
} from '../support/oidc-provider.ts'

const found = findChromium()
const minute = 60_000
const by = { name: 'Admin', address: null }

describe.skipIf(found.skip)(`logins with OpenID Connect providers ${found.reason}`, () => {
  const databases = sqliteDatabases()
  const memory = openMemoryLog()
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let provider: OidcProvider
  let other: OidcProvider
  let app: FastifyInstance
  let baseUrl: string
  let db: Db
  let sessions: Sessions
  let directories: Directories
  let logins: string[]
  let aheadMs = 0
  /** Takes callbacks in place of the server, while it is set. */
  let caller: ((address: string) => void) | undefined
  let port: number

  beforeAll(async () => {
    browser = await launchChromium(found)
    port = await findFreePort()
    baseUrl = `http://127.0.0.1:${port}`
    provider = await startOidcProvider([`${baseUrl}/auth/oidc/corp/callback`])
    other = await startOidcProvider([`${baseUrl}/auth/oidc/other/callback`])
  })
  afterAll(async () => {
    await browser?.close()
    await provider?.[Symbol.asyncDispose]()
    await other?.[Symbol.asyncDispose]()
  })

  beforeEach(async () => {
    aheadMs = 0
    logins = []
    memory.clear()
    db = await databases.open()
    for (const each of [provider, other]) {
      each.accounts.set('sub-1', {
        ...{ preferred_username: 'alice', name: 'Alice Müller', email: 'alice@example.org' },
        groups: ['/Devs', 'unknown-here'],
      })
      each.accounts.set('sub-2', { preferred_username: 'Admin', groups: [] })
      each.accounts.set('sub-3', { name: 'No Name', groups: [] })
    }
    caller = undefined
    await serve()
    await add('corp', provider)
    await add('other', other)
    context = await browser.newContext()
    page = await context.newPage()
  })
  afterEach(async () => {
    await context?.close()
    await app?.close()
    await sessions?.[Symbol.asyncDispose]()
  })

  async function serve() {
    const now = () => Date.now() + aheadMs
    directories = openDirectories({
      ...{ db, log: memory.log, now },
      secretKey: await openSecretKey({ dataDir: '', configured: 'k'.repeat(32) }),
      recheckMs: () => 15 * minute,
      confirmedForMs: () => 24 * 60 * minute,
    })
    const principals = openPrincipals({ read: db.read, now, confirm: directories.confirm })
    const limits = { idleMs: () => 48 * 60 * minute, maxAgeMs: () => 48 * 60 * minute }
    const onError = (error: unknown) => expect.fail(String(error))
    sessions = openSessions({ db, principals, limits, now, onError })
    const readCaller = createReadCaller({ baseUrl: null, trustProxy: [], tls: false })
    const settings = await openSettings(db)
    app = Fastify({ forceCloseConnections: true })
    app.addHook('onRequest', async (request, reply) => {
      if (caller === undefined || !request.url.includes('/callback')) return
      caller(request.url)
      await reply.send('caught')
    })
    authRoutes(app, {
      ...{ principals, sessions, settings, readCaller, now },
      logins: directories.oidc,
      log: memory.log,
      records: {
        succeeded: ({ name }) => void logins.push(`${name} is in`),
        failed: ({ account }) => void logins.push(`${account} was refused`),
      },
    })
    app.get('/*', async (request) => {
      const secret = readSessionCookie(request.headers, baseUrl)
      const live = secret === undefined ? undefined : await sessions.find(secret)
      return `at ${request.url} as ${live?.principal.name ?? 'nobody'}`
    })
    await app.listen({ host: '127.0.0.1', port })
  }

  async function add(name: string, { issuer }: Pick<OidcProvider, 'issuer'>, more: object = {}) {
    const settings = { issuer, clientId, scopes: ['profile', 'email', 'groups'], ...more }
    const input = { kind: 'oidc', name, enabled: true, settings, secret: clientSecret } as const
    await createDirectory({ db, encryption: directories.encryption, by }, input)
  }

  async function change(name: string, { issuer }: OidcProvider, more: object) {
    const settings = { issuer, clientId, scopes: ['profile', 'email', 'groups'], ...more }
    const input = { kind: 'oidc', name, enabled: true, settings } as const
    await changeDirectory({ db, encryption: directories.encryption, by }, name, input)
    // Lists of directories may be a second old.
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }

  const text = () => page.textContent('body')
  const start = (name = 'corp', back = '/') =>
    page.goto(`${baseUrl}/auth/oidc/${name}/start?return=${encodeURIComponent(back)}`)
  const logIn = async (account: string, name = 'corp', back = '/') => {
    await start(name, back)
    await logInAtProvider(page, account)
    await page.waitForURL(`${baseUrl}/**`)
    return await text()
  }
  /** The address that the provider sends the browser back to, before anybody has seen it. */
  const catchCallback = async (account: string, name = 'corp') => {
    const caught = new Promise<string>((resolve) => {
      caller = resolve
    })
    await start(name)
    await logInAtProvider(page, account)
    await page.waitForURL(`${baseUrl}/**`)
    caller = undefined
    return new URL(await caught, baseUrl)
  }
  const cookie = async (name: string) =>
    (await context.cookies()).find((each) => each.name === name)

  test('a login ends in a session, with groups, at the page where it began', async () => {
    await db.write(insertGroup, { group: accessName('DEVS'), description: '', members: [], by })
    expect(await logIn('sub-1', 'corp', '/feeds/main?tab=2')).toBe('at /feeds/main?tab=2 as alice')
    const user = await findUserByKey(db.read, 'alice')
    expect(user).toMatchObject({
      ...{ displayName: 'Alice Müller', email: 'alice@example.org', externalId: 'sub=sub-1' },
      ...{ active: true, passwordHash: '', confirmedAt: expect.any(Number) },
    })
    expect((await groupNamesOfUsers(db.read, [user?.id ?? 0])).get(user?.id ?? 0)).toEqual(['DEVS'])
    expect(await cookie('entrepot-session')).toMatchObject({ httpOnly: true, sameSite: 'Lax' })
    expect(await cookie('entrepot-login')).toBeUndefined()
    expect(logins).toEqual(['alice is in'])
    // Nothing was sent that could be read on the way, or later.
    const { secret } = await db.read
      .selectFrom('directories')
      .select('secret')
      .executeTakeFirstOrThrow()
    expect(secret).toMatch(/^v1:/)
    expect(JSON.stringify(memory.lines())).not.toContain(clientSecret)
  })

  test('the request has PKCE, state and nonce, and its cookie is bound to the browser', async () => {
    const response = await app.inject({
      url: '/auth/oidc/corp/start',
      headers: { host: new URL(baseUrl).host },
    })
    expect(response.statusCode).toBe(303)
    const address = new URL(response.headers.location ?? '')
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      ...{ response_type: 'code', code_challenge_method: 'S256', client_id: clientId },
      ...{
        code_challenge: expect.stringMatching(/^.{43}$/),
        state: expect.stringMatching(/^.{43}$/),
      },
      ...{ nonce: expect.stringMatching(/^.{43}$/), scope: 'openid profile email groups' },
      redirect_uri: `${baseUrl}/auth/oidc/corp/callback`,
    })
    const header = String(response.headers['set-cookie'])
    expect(header).toMatch(
      /^entrepot-login=v1:[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
    )
    expect(header).not.toContain(address.searchParams.get('state') ?? '?')
    expect(response.headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    })
  })

  test('who comes back with another state is refused', async () => {
    const callback = await catchCallback('sub-1')
    callback.searchParams.set('state', 'x'.repeat(43))
    expect((await page.goto(callback.href))?.status()).toBe(401)
    expect(await text()).toContain('The login was not completed')
    expect(await cookie('entrepot-session')).toBeUndefined()
    expect(logins).toEqual(['oidc/corp was refused'])
  })

  test('a callback is good once, with the cookie too', async () => {
    const callback = await catchCallback('sub-1')
    const login = await cookie('entrepot-login')
    await page.goto(callback.href)
    expect(await text()).toBe('at / as alice')
    await context.clearCookies({ name: 'entrepot-session' })
    expect((await page.goto(callback.href))?.status()).toBe(401)
    expect(await text()).toContain('not begun in this browser')
    await context.addCookies(login === undefined ? [] : [login])
    expect((await page.goto(callback.href))?.status()).toBe(401)
    expect(await text()).toContain('the provider does not take the code')
    expect(await cookie('entrepot-session')).toBeUndefined()
  })

  test("another browser cannot be given somebody's login", async () => {
    const callback = await catchCallback('sub-1')
    await using victim = await browser.newContext()
    const theirs = await victim.newPage()
    expect((await theirs.goto(callback.href))?.status()).toBe(401)
    await theirs.goto(`${baseUrl}/auth/oidc/corp/start`)
    expect((await theirs.goto(callback.href))?.status()).toBe(401)
    expect(await victim.cookies(baseUrl)).toEqual([])
  })

  test('a session that was there before is not the one that begins', async () => {
    const fixed = `ents_${'a'.repeat(43)}`
    await context.addCookies([{ name: 'entrepot-session', value: fixed, url: baseUrl }])
    expect(await logIn('sub-1')).toBe('at / as alice')
    expect((await cookie('entrepot-session'))?.value).not.toBe(fixed)
    expect(await sessions.find(fixed)).toBeUndefined()
  })

  test('who gives up at the provider hears so', async () => {
    await start()
    await page.click('text=Cancel')
    await page.waitForURL(`${baseUrl}/**`)
    expect(await text()).toContain('the provider says')
    expect(await cookie('entrepot-session')).toBeUndefined()
    expect(logins).toEqual(['oidc/corp was refused'])
  })

  test('an answer of one provider is nothing to another', async () => {
    const callback = await catchCallback('sub-1', 'other')
    const mixed = new URL(callback)
    mixed.pathname = '/auth/oidc/corp/callback'
    expect((await page.goto(mixed.href))?.status()).toBe(401)
    const again = await catchCallback('sub-1', 'corp')
    again.searchParams.set('iss', other.issuer)
    expect((await page.goto(again.href))?.status()).toBe(401)
    expect(await text()).toContain('iss')
    expect(await cookie('entrepot-session')).toBeUndefined()
  })

  test('the same name from two providers is one user of the first', async () => {
    expect(await logIn('sub-1', 'corp')).toBe('at / as alice')
    await context.clearCookies()
    expect(await logIn('sub-1', 'other')).toContain('a user of another directory')
    await db.write(insertUser, {
      ...{ name: 'Admin', key: 'admin', displayName: '', email: '', passwordHash: 'scrypt$' },
    })
    await context.clearCookies()
    expect(await logIn('sub-2')).toContain("a user of the server's own")
    await context.clearCookies()
    expect(await logIn('sub-3')).toContain('there is no claim "preferred_username"')
  })

  test('only members of allowed groups, and only who is known, where the settings say so', async () => {
    await change('corp', provider, { allowedGroups: ['ops'] })
    expect(await logIn('sub-1')).toContain('in none of the groups')
    expect(await findUserByKey(db.read, 'alice')).toBeUndefined()
    await change('corp', provider, { allowedGroups: ['ops', 'devs'], autoCreate: false })
    await context.clearCookies()
    expect(await logIn('sub-1')).toContain('There is no user "alice" here')
    await change('corp', provider, { allowedGroups: ['ops', 'devs'] })
    await context.clearCookies()
    expect(await logIn('sub-1')).toBe('at / as alice')
  })

  test('without a refresh token, the word of the provider is good for a day', async () => {
    await logIn('sub-1')
    aheadMs = 23 * 60 * minute
    await page.goto(baseUrl)
    expect(await text()).toBe('at / as alice')
    aheadMs = 25 * 60 * minute
    await page.goto(baseUrl)
    expect(await text()).toContain('has not vouched for this user for too long')
  })

  test('with one, the provider is asked again; whoever it does not know is out in the end', async () => {
    await db.write(insertGroup, { group: accessName('ops'), description: '', members: [], by })
    await change('corp', provider, { scopes: ['profile', 'email', 'groups', 'offline_access'] })
    expect(await logIn('sub-1')).toBe('at / as alice')
    const id = (await findUserByKey(db.read, 'alice'))?.id ?? 0
    const tokens = () => db.read.selectFrom('directory_tokens').selectAll().execute()
    const [first] = await tokens()
    expect(first).toMatchObject({ user_id: id, token: expect.stringMatching(/^v1:/) })

    provider.accounts.set('sub-1', { preferred_username: 'alice', groups: ['ops'] })
    aheadMs = 16 * minute
    await page.goto(baseUrl)
    expect(await text()).toBe('at / as alice')
    expect((await groupNamesOfUsers(db.read, [id])).get(id)).toEqual(['ops'])
    expect((await tokens())[0]?.token).not.toBe(first?.token)

    provider.accounts.delete('sub-1')
    aheadMs = 40 * minute
    await page.goto(baseUrl)
    expect(await text()).toBe('at / as alice')
    expect(await tokens()).toEqual([])
    aheadMs = 25 * 60 * minute
    await page.goto(baseUrl)
    expect(await text()).toContain('has not vouched')
  })

  test('a provider that is down says so, and an unknown one is not found', async () => {
    const issuer = `http://127.0.0.1:${await findFreePort()}`
    await add('down', { issuer })
    expect((await start('down'))?.status()).toBe(503)
    expect(await text()).toBe('The directory "down" cannot be reached; try again later.\n')
    expect((await start('nobody'))?.status()).toBe(404)
    expect(await logIn('sub-1')).toBe('at / as alice')
  })

  test('a code that the provider, or what stands before it, chokes on harms nobody else', async () => {
    const broken = createServer((request, response) => {
      const issuer = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
      const metadata = {
        issuer,
        authorization_endpoint: `${issuer}/a`,
        token_endpoint: `${issuer}/t`,
      }
      if (request.url?.includes('.well-known')) {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(metadata))
      } else response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>Forbidden</h1>')
    })
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve))
    try {
      await add('wall', { issuer: `http://127.0.0.1:${(broken.address() as AddressInfo).port}` })
      const begun = await fetch(`${baseUrl}/auth/oidc/wall/start`, { redirect: 'manual' })
      const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state')
      const cookies = begun.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
      const callback = `${baseUrl}/auth/oidc/wall/callback?code=%3Cscript%3E&state=${state}`
      const answer = await fetch(callback, { headers: { cookie: cookies }, redirect: 'manual' })
      expect(answer.status).toBe(401)
      const other = await fetch(`${baseUrl}/auth/oidc/wall/start`, { redirect: 'manual' })
      expect(other.status).toBe(303)
      expect(memory.lines().filter(({ level }) => Number(level) >= 50)).toEqual([])
    } finally {
      broken.close()
    }
  })

  test.for([
    '//evil.example/',
    'https://evil.example/',
    '/\\evil.example',
    '/x/..//evil.example',
    'javascript:alert(1)',
  ])('the way back never leads elsewhere: %s', async (back) => {
    const answer = await logIn('sub-1', 'corp', back)
    expect(answer).toMatch(/as alice$/)
    expect(new URL(page.url()).origin).toBe(baseUrl)
  })
})
