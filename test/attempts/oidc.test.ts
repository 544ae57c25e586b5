import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi } from '../support/api-call.ts'
import {
  clientId,
  clientSecret,
  type OidcProvider,
  startOidcProvider,
} from '../support/oidc-provider.ts'
import { adminOf, untilRulesAreNew } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, headerLines, send } from '../support/wire.ts'

let server: TestServer
let provider: OidcProvider
let other: OidcProvider
beforeAll(async () => {
  server = await startServer()
  const callback = (name: string) => `${server.url}/auth/oidc/${name}/callback`
  provider = await startOidcProvider([callback('corp')])
  other = await startOidcProvider([callback('other')])
  for (const [name, { issuer, accounts }] of [
    ['corp', provider],
    ['other', other],
  ] as const) {
    for (const person of ['ann', 'mallory']) accounts.set(person, { preferred_username: person })
    accounts.set('boss', { preferred_username: 'Admin' })
    accounts.set('key', { preferred_username: 'api' })
    accounts.set('nobody', { preferred_username: 'Anonymous' })
    const settings = { issuer, clientId, scopes: ['profile'] }
    await call(adminOf(server), api.directories.add, {
      body: { name, kind: 'oidc', settings, secret: clientSecret },
    })
  }
  await untilRulesAreNew()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await provider?.[Symbol.asyncDispose]()
  await other?.[Symbol.asyncDispose]()
})

/** A browser's cookies, by host and port as one: as browsers have them on loopback. */
type Cookies = Map<string, string>

async function visit(
  cookies: Cookies,
  address: string,
  form?: Record<string, string>,
): Promise<Answer> {
  const { origin, pathname, search } = new URL(address)
  const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
  const answer = await send(origin, {
    method: form === undefined ? 'GET' : 'POST',
    target: `${pathname}${search}`,
    headers: {
      ...(cookie !== '' && { cookie }),
      ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(form && { body: String(new URLSearchParams(form)) }),
  })
  for (const line of headerLines(answer, 'set-cookie')) {
    const [pair = ''] = line.split(';', 1)
    const at = pair.indexOf('=')
    const isGone = /max-age=0|expires=thu, 01 jan 1970/i.test(line) || pair.endsWith('=')
    if (isGone) cookies.delete(pair.slice(0, at))
    else cookies.set(pair.slice(0, at), pair.slice(at + 1))
  }
  return answer
}

interface Login {
  /** What the provider would send the browser back to. */
  readonly callback: URL
  readonly cookies: Cookies
  /** Where the login began: what the provider was asked. */
  readonly asked: URL
}

/** Logs in at the provider, up to the moment when the browser is sent back. */
async function logInAtProvider(account: string, name = 'corp', back = '/'): Promise<Login> {
  const cookies: Cookies = new Map()
  const start = `${server.url}/auth/oidc/${name}/start?return=${encodeURIComponent(back)}`
  const begun = await visit(cookies, start)
  expect(begun.status, begun.body.toString()).toBe(303)
  const asked = new URL(begun.headers.location ?? '')
  return { cookies, asked, callback: await answerProvider(cookies, asked, account) }
}

/** Follows the provider's pages, filling in its forms, until it leads back here. */
async function answerProvider(cookies: Cookies, asked: URL, account: string): Promise<URL> {
  let address = asked
  let form: Record<string, string> | undefined
  for (let step = 0; step < 12; step += 1) {
    const answer = await visit(cookies, address.href, form)
    form = undefined
    if (answer.headers.location !== undefined) {
      address = new URL(answer.headers.location, address)
      if (address.origin === server.url) return address
    } else {
      const page = answer.body.toString()
      address = new URL(/action="([^"]+)"/.exec(page)?.[1] ?? '', address)
      form = page.includes('value="consent"')
        ? { prompt: 'consent' }
        : { prompt: 'login', login: account, password: 'anything' }
    }
  }
  throw new Error('the provider does not lead back')
}

const session = (cookies: Cookies) => cookies.get('entrepot-session')

async function whoami(cookies: Cookies): Promise<unknown> {
  const secret = session(cookies)
  const answer = await askApi(server.url, {
    target: '/api/sessions/whoami',
    headers: secret === undefined ? {} : { cookie: `entrepot-session=${secret}` },
  })
  return (answer.body as { name?: string }).name
}

/** Comes back with this, in this browser; what must not let anybody in. */
async function isRefused(cookies: Cookies, callback: URL) {
  const answer = await visit(cookies, callback.href)
  expect(answer.status, answer.body.toString()).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
  expect(session(cookies)).toBeUndefined()
  expect(answer.headers.location).toBeUndefined()
}

function changed(callback: URL, change: (query: URLSearchParams) => void): URL {
  const copy = new URL(callback)
  change(copy.searchParams)
  return copy
}

test('a login that nobody disturbs lets in: the attempts differ from it by what they say', async () => {
  const { callback, cookies } = await logInAtProvider('ann', 'corp', '/feeds?x=1')
  const answer = await visit(cookies, callback.href)
  expect([answer.status, answer.headers.location]).toEqual([303, '/feeds?x=1'])
  expect(await whoami(cookies)).toBe('ann')
  expect(cookies.has('entrepot-login')).toBe(false)
})

describe('a callback', () => {
  const changes: readonly (readonly [what: string, (query: URLSearchParams) => void])[] = [
    ['without its state', (query) => query.delete('state')],
    ['with an empty state', (query) => query.set('state', '')],
    ['with another state', (query) => query.set('state', 'x'.repeat(43))],
    ['with two states', (query) => query.append('state', 'x'.repeat(43))],
    ['without its code', (query) => query.delete('code')],
    ['with another code', (query) => query.set('code', 'x'.repeat(43))],
    ['with two codes', (query) => query.append('code', 'x')],
    ['that names another issuer', (query) => query.set('iss', 'https://evil.example')],
    ['that names the other provider', (query) => query.set('iss', other.issuer)],
    ['that is an error', (query) => query.set('error', 'access_denied')],
    [
      'with tokens of its own',
      (query) => {
        query.delete('code')
        query.set('id_token', 'e30.e30.')
        query.set('access_token', 'x')
      },
    ],
  ]
  test.for(changes)('%s is refused', async ([, change]) => {
    const { callback, cookies } = await logInAtProvider('ann')
    await isRefused(cookies, changed(callback, change))
    // The attempt has used up the login: the right one is late.
    await isRefused(cookies, callback)
  })

  test('in another browser is refused: without its cookie, and with one of its own', async () => {
    const { callback } = await logInAtProvider('mallory')
    await isRefused(new Map(), callback)
    const victim: Cookies = new Map()
    await visit(victim, `${server.url}/auth/oidc/corp/start`)
    await isRefused(victim, callback)
  })

  test('with the state of another login, whose cookie is there, is refused: the code belongs to its own', async () => {
    const mine = await logInAtProvider('mallory')
    const theirs = await logInAtProvider('ann')
    const code = theirs.callback.searchParams.get('code') ?? ''
    // PKCE: the code was asked for with another verifier; and its ID token has another nonce.
    await isRefused(
      mine.cookies,
      changed(mine.callback, (query) => query.set('code', code)),
    )
  })

  test('is good once: replayed with every cookie there was, it is refused', async () => {
    const { callback, cookies } = await logInAtProvider('ann')
    const before = new Map(cookies)
    expect((await visit(cookies, callback.href)).status).toBe(303)
    await isRefused(before, callback)
  })

  test('of one provider is nothing to the other, nor is its cookie', async () => {
    const { callback, cookies } = await logInAtProvider('ann', 'other')
    await isRefused(cookies, new URL(callback.href.replace('/other/', '/corp/')))
    const corp = await logInAtProvider('ann', 'corp')
    const mixed = new URL(corp.callback.href.replace('/corp/', '/other/'))
    await isRefused(corp.cookies, mixed)
  })

  test.for([
    ['nothing', ''],
    ['a text', 'x'],
    ['an encrypted text of nobody', `v1:${'A'.repeat(200)}`],
    ['a secret of a session', `ents_${'A'.repeat(43)}`],
  ])('whose cookie is %s is refused', async ([, cookie]) => {
    const { callback } = await logInAtProvider('ann')
    await isRefused(new Map([['entrepot-login', cookie ?? '']]), callback)
  })

  test('whose cookie was changed by one character is refused', async () => {
    const { callback, cookies } = await logInAtProvider('ann')
    const sealed = cookies.get('entrepot-login') ?? ''
    const at = Math.floor(sealed.length / 2)
    const other = sealed[at] === 'A' ? 'B' : 'A'
    cookies.set('entrepot-login', sealed.slice(0, at) + other + sealed.slice(at + 1))
    await isRefused(cookies, callback)
  })
})

test.for(['state', 'nonce', 'code_challenge', 'code_challenge_method'])(
  'a login whose request lost its %s on the way to the provider ends without a session',
  async (name) => {
    const cookies: Cookies = new Map()
    const begun = await visit(cookies, `${server.url}/auth/oidc/corp/start`)
    const asked = new URL(begun.headers.location ?? '')
    asked.searchParams.delete(name)
    // A provider that demands PKCE says so itself; it leads back with an error, or a code for nobody.
    await isRefused(cookies, await answerProvider(cookies, asked, 'ann'))
  },
)

test('a nonce of somebody else’s choice ends without a session', async () => {
  const cookies: Cookies = new Map()
  const begun = await visit(cookies, `${server.url}/auth/oidc/corp/start`)
  const asked = new URL(begun.headers.location ?? '')
  asked.searchParams.set('nonce', 'n'.repeat(43))
  await isRefused(cookies, await answerProvider(cookies, asked, 'ann'))
})

test('each login asks with a state, nonce and challenge of its own', async () => {
  const logins = await Promise.all(
    Array.from({ length: 3 }, () => visit(new Map(), `${server.url}/auth/oidc/corp/start`)),
  )
  for (const name of ['state', 'nonce', 'code_challenge']) {
    const values = logins.map((each) => new URL(each.headers.location ?? '').searchParams.get(name))
    expect(new Set(values).size, name).toBe(3)
    for (const value of values) expect(value).toMatch(/^[\w-]{43}$/)
  }
})

const elsewhere = [
  'https://evil.example/',
  '//evil.example/',
  '///evil.example/',
  '/\\evil.example/',
  '\\\\evil.example/',
  '/\t/evil.example/',
  '/\n/evil.example/',
  '/.//evil.example/',
  '/x/..//evil.example/',
  '/%2e%2e//evil.example/',
  'http:evil.example',
  'http:/evil.example',
  'javascript:alert(1)',
  'data:text/html,x',
  '@evil.example/',
  '.evil.example/',
  ' //evil.example/',
  '\u0000//evil.example/',
  '/\r\nLocation: https://evil.example/',
  '/\u2028/evil.example/',
]

test.for(elsewhere)('the way back leads to this server, not to %j', async (back) => {
  const { callback, cookies } = await logInAtProvider('ann', 'corp', back)
  const { status, headers } = await visit(cookies, callback.href)
  expect(status).toBe(303)
  const location = headers.location ?? ''
  expect(location).toMatch(/^\/(?![/\\])[\x21-\x7e]*$/)
  expect(new URL(location, server.url).origin).toBe(server.url)
})

test('the way back is not taken from the callback, nor from two values', async () => {
  const { callback, cookies } = await logInAtProvider('ann')
  const answer = await visit(cookies, `${callback.href}&return=https://evil.example/`)
  expect(answer.headers.location).toBe('/')
  const two = `${server.url}/auth/oidc/corp/start?return=/a&return=https://evil.example/`
  const again: Cookies = new Map()
  const asked = new URL((await visit(again, two)).headers.location ?? '')
  const end = await visit(again, (await answerProvider(again, asked, 'ann')).href)
  expect(new URL(end.headers.location ?? '', server.url).origin).toBe(server.url)
})

test.for(['boss', 'key', 'nobody'])(
  'a provider’s user whose name means somebody else here (%s) is not let in',
  async (account) => {
    const { callback, cookies } = await logInAtProvider(account)
    await isRefused(cookies, callback)
  },
)

test('the Host of the request does not send a code elsewhere: the provider knows its own addresses', async () => {
  const answer = await send(server.url, {
    method: 'GET',
    target: '/auth/oidc/corp/start',
    headers: { host: 'evil.example' },
  })
  const asked = new URL(answer.headers.location ?? '')
  expect(asked.origin).toBe(provider.issuer)
  const page = await visit(new Map(), asked.href)
  expect(page.status).toBe(400)
  expect(page.headers.location).toBeUndefined()
})

test.for(['corp/', '..%2fcorp', 'CORP%00', 'nobody', 'corp/start/..', '%2e%2e'])(
  'a provider named "%s" is none',
  async (name) => {
    for (const end of ['start', 'callback?code=x&state=x']) {
      const answer = await send(server.url, { method: 'GET', target: `/auth/oidc/${name}/${end}` })
      expect([400, 404]).toContain(answer.status)
      expect(answer.headers['set-cookie'] ?? '').not.toContain('entrepot-session')
    }
  },
)
