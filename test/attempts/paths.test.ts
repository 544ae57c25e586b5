import { describe, expect, test } from 'vitest'
import { image } from '../support/content.ts'
import { addPerson, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushImage } from '../support/push.ts'
import { useServer } from '../support/server.ts'
import { exchangeRaw, type RequestHeaders, send } from '../support/wire.ts'

const hidden = image('paths')
const layer = hidden.layers[0]?.digest ?? ''
const { table, server } = useServer(async (setUp, one) => {
  await one.createFeed('secret', { alternateNames: ['hush'] })
  await pushImage(setUp, 'secret/app', hidden, ['v1'])
  await pushImage(setUp, 'main/private/app', hidden, ['v1'])
  await pushImage(setUp, 'main/team/app', image('team'), ['v1'])
  const rule = { task: tasks.view, feed: 'main', repositories: 'team/**' }
  const insider = await addPerson(one, 'insider', rule)
  await untilRulesAreNew()
  return {
    outsider: (await one.createKey('main', ['view', 'add', 'delete'])).authorization,
    insider: insider.authorization,
  }
})

interface RawAnswer {
  readonly status: number
  readonly text: string
}

/** One request line as it is, which a client library would not send. */
async function raw(line: string, headers: readonly string[] = []): Promise<RawAnswer> {
  const { url } = table()
  const lines = [line, `Host: ${new URL(url).host}`, 'Connection: close', ...headers, '', '']
  const text = await exchangeRaw(url, lines.join('\r\n'), 5000)
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text }
}

function authorizationOf(as: string): string[] {
  const value = table().callers[as]
  return value === undefined ? [] : [`Authorization: ${value}`]
}

const refused = [400, 401, 403, 404, 405, 431]

/** What must not be in an answer to who may not see the image. */
function tellsNothing({ status, text }: RawAnswer, what: string) {
  expect(refused, `${what}: ${text}`).toContain(status)
  expect(text, what).not.toContain('"layers"')
  expect(text, what).not.toContain('"tags"')
  expect(text.toLowerCase(), what).not.toContain('docker-content-digest')
}

/** Ways to write an address of the registry that a careless reader takes for another one. */
const spellings: readonly (readonly [what: string, (path: string) => string])[] = [
  ['as it is', (path) => path],
  ['in capitals', (path) => path.replace('secret', 'SeCrEt')],
  ['by its alternate name', (path) => path.replace('secret', 'hush')],
  ['with an encoded letter', (path) => path.replace('secret', '%73ecret')],
  ['with every letter encoded', (path) => path.replace('secret', encodeAll('secret'))],
  ['encoded twice', (path) => path.replace('secret', '%2573ecret')],
  ['with encoded slashes', (path) => path.replaceAll('/', '%2f').replace('%2f', '/')],
  ['with encoded slashes in capitals', (path) => path.replace('secret/', 'secret%2F')],
  ['with a slash encoded twice', (path) => path.replace('secret/', 'secret%252f')],
  ['through main and back', (path) => path.replace('secret', 'main/../secret')],
  ['through main and back, encoded', (path) => path.replace('secret', 'main/%2e%2e/secret')],
  [
    'through main and back, encoded twice',
    (path) => path.replace('secret', 'main/%252e%252e/secret'),
  ],
  ['through main and back, half encoded', (path) => path.replace('secret', 'main/.%2e/secret')],
  ['through main and back, all encoded', (path) => path.replace('secret', 'main%2f..%2fsecret')],
  ['through main and back by a backslash', (path) => path.replace('secret', 'main\\..\\secret')],
  ['through main and back by %5c', (path) => path.replace('secret', 'main%5c..%5csecret')],
  ['with an overlong dot', (path) => path.replace('secret', 'main/%c0%ae%c0%ae/secret')],
  ['with an overlong slash', (path) => path.replace('secret/', 'secret%c0%af')],
  ['with two slashes', (path) => path.replaceAll('/', '//')],
  ['with two slashes in front', (path) => `/${path}`],
  ['with a dot for a segment', (path) => path.replace('secret', './secret')],
  ['with a parameter behind ;', (path) => path.replace('secret', 'secret;x=1')],
  ['with another registry behind ;', (path) => path.replace('secret', 'main;/../secret')],
  ['with %00 behind', (path) => `${path}%00`],
  ['with %00 inside', (path) => path.replace('secret', 'main%00/secret')],
  ['with %0a inside', (path) => path.replace('secret', 'secret%0a')],
  ['with %0d%0a and a header', (path) => `${path}%0d%0aAuthorization:%20Basic%20QWRtaW46`],
  ['with a question mark that is encoded', (path) => `${path}%3fx`],
  ['with a fragment', (path) => `${path}#/v2/main/team/app/tags/list`],
  ['with an encoded fragment', (path) => `${path}%23x`],
  ['with full-width letters', (path) => path.replace('secret', '%ef%bd%93ecret')],
  ['with a long s', (path) => path.replace('secret', '%c5%bfecret')],
  ['with a slash behind', (path) => `${path}/`],
  ['with a space behind that is encoded', (path) => path.replace('secret', 'secret%20')],
  ['with a dot behind', (path) => path.replace('secret', 'secret.')],
  ['as an absolute address', (path) => `http://127.0.0.1${path}`],
  ['as an absolute address of another host', (path) => `http://evil.example${path}`],
  ['as an absolute address with a user', (path) => `http://Admin:x@127.0.0.1${path}`],
  ['as an absolute address in capitals', (path) => `HTTP://X${path}`],
  ['as an absolute address twice', (path) => `http://x/http://x${path}`],
  ['as an address of another scheme', (path) => `ftp://x${path}`],
  ['with the allowed name in the query', (path) => `${path}?name=main/team/app&from=main/team/app`],
  ['with n and last of another list', (path) => `${path}?n=1000&last=`],
]

const addresses = [
  '/v2/secret/app/manifests/v1',
  `/v2/secret/app/manifests/${hidden.manifest.digest}`,
  `/v2/secret/app/blobs/${layer}`,
  `/v2/secret/app/blobs/${layer.replace(':', '%3A')}`,
  '/v2/secret/app/tags/list',
  `/v2/secret/app/referrers/${hidden.manifest.digest}`,
]

describe.for(['anonymous', 'outsider', 'insider'])('a hidden registry, for %s', (as) => {
  test.for(spellings)('is not reached %s', async ([, spell], { expect: _ }) => {
    for (const address of addresses) {
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'QUERY']) {
        const line = `${method} ${spell(address)} HTTP/1.1`
        const answer = await raw(line, authorizationOf(as))
        // Only the answer's head and body count: HEAD has a type for what it does not show.
        tellsNothing(answer, line)
      }
    }
  })
})

test.for([
  'as it is',
  'in capitals',
  'by its alternate name',
  'with an encoded letter',
  'as an absolute address',
])('who may, reaches it %s: the attempts go to the right door', async (what) => {
  const spell = spellings.find(([name]) => name === what)?.[1] ?? String
  const line = `GET ${spell('/v2/secret/app/manifests/v1')} HTTP/1.1`
  const { status, text } = await raw(line, authorizationOf('admin'))
  expect(status).toBe(200)
  expect(text).toContain(hidden.manifest.digest)
})

/** From a repository that the insider may pull, to one beside it. */
const detours = [
  '/v2/main/team/../private/app/manifests/v1',
  '/v2/main/team/%2e%2e/private/app/manifests/v1',
  '/v2/main/team%2f..%2fprivate/app/manifests/v1',
  '/v2/main/team/app/../../private/app/tags/list',
  '/v2/main/team/app/manifests/../../private/app/manifests/v1',
  '/v2/main/team/app/manifests/..%2f..%2fprivate%2fapp%2fmanifests%2fv1',
  `/v2/main/team/app/blobs/../../../private/app/blobs/${layer}`,
  `/v2/main/team/app/blobs/${layer}`,
  `/v2/main/team/app/manifests/${hidden.manifest.digest}`,
  `/v2/main/team/app/blobs/uploads/../${layer}`,
  '/v2/main/private/app/manifests/v1',
  '/v2/main/private/app/tags/list/',
  '/v2/main/PRIVATE/app/manifests/v1',
  '/v2/main/private/app/team/manifests/v1',
  '/v2/main//private/app/manifests/v1',
  '/v2//main/private/app/manifests/v1',
  '/v2/main/team/;/../private/app/manifests/v1',
  '/v2/main/team/app/tags/list/../../../private/app/tags/list',
]

test.for(detours)('a pattern of repositories is not left by %s', async (target) => {
  const line = `GET ${target} HTTP/1.1`
  tellsNothing(await raw(line, authorizationOf('insider')), line)
})

/** Addresses that might be read as one thing by the wire's router and as another by the API's. */
const routes = [
  '/api/security/users/list',
  '//api/security/users/list',
  '/api//security/users/list',
  '/api/security/users/list/',
  '/api/security/users/list//',
  '/API/security/users/list',
  '/Api/Security/Users/List',
  '/api/security/users/list;x',
  '/api/security/users;x/list',
  '/api/security/users/list%00',
  '/api/security/users/list%20',
  '/api/security/users/%6cist',
  '/api%2fsecurity%2fusers%2flist',
  '/api/security/./users/list',
  '/api/security/x/../users/list',
  '/api/management/feeds/get/..%2f..%2f..%2fsecurity%2fusers%2flist',
  '/api/management/feeds/get/../../../security/users/list',
  '/api\\security\\users\\list',
  '/v2/../api/security/users/list',
  '/v2/%2e%2e/api/security/users/list',
  '/v2/..%2fapi/security/users/list',
  '/v2;/../api/security/users/list',
  '/v2/_auth/../../api/security/users/list',
  '/health/../api/security/users/list',
  '/health/..;/api/security/users/list',
  '/api/sessions/whoami/../../security/users/list',
  '/api/sessions/login/%2e%2e/%2e%2e/security/users/list',
  'http://127.0.0.1/api/security/users/list',
  'http://evil.example/api/security/users/list',
  'http://api/security/users/list',
  '/metrics',
  '/metrics/',
  '//metrics',
  '/metrics;x',
  '/%6detrics',
  '/v2/../metrics',
  '/api/security/export',
  '/api/security/export?key=',
  '/api/security/export?API_Key=',
  '/api/settings/list',
]

test.for(routes)('who may not, learns nothing of users and settings at %s', async (target) => {
  for (const as of ['anonymous', 'insider', 'outsider']) {
    for (const method of ['GET', 'HEAD']) {
      const line = `${method} ${target} HTTP/1.1`
      const answer = await raw(line, authorizationOf(as))
      expect(refused, `${line}: ${answer.text}`).toContain(answer.status)
      expect(answer.text).not.toMatch(/displayName|scrypt|entrepot_|process_cpu/)
    }
  }
})

/** `/v2` and below have one reader; nothing that looks like it is read by the other as more. */
const alike = [
  '/V2/_catalog',
  '/v2%2f_catalog',
  '/v2;/_catalog',
  '/v2\\_catalog',
  '/%76%32/_catalog',
  '/v2./_catalog',
  '//v2/_catalog',
  '/./v2/_catalog',
  '/v2/_catalog/',
  '/v2/_catalog/x',
  '/v2/%5fcatalog/',
  '/v2/_catalog%00',
  '/v2//_catalog',
]

test.for(alike)('the catalog is not read at %s', async (target) => {
  for (const as of ['anonymous', 'outsider', 'admin']) {
    const { status, text } = await raw(`GET ${target} HTTP/1.1`, authorizationOf(as))
    expect([400, 401, 404], text).toContain(status)
    expect(text).not.toContain('"repositories"')
  }
})

const files = [
  '/../data/secret.key',
  '/..%2f..%2fsecret.key',
  '/%2e%2e/%2e%2e/secret.key',
  '/v2/../../secret.key',
  '/v2/main/app/blobs/../../../../secret.key',
  '/v2/main/app/blobs/..%2f..%2f..%2fsecret.key',
  '/v2/main/app/blobs/sha256:../../../../secret.key',
  `/v2/main/app/blobs/sha256:${'a'.repeat(58)}%2f..%2f`,
  '/v2/main/app/blobs/uploads/..%2f..%2f..%2fsecret.key',
  '/v2/main/app/blobs/uploads/../../../secret.key',
  '/v2/main/app/manifests/..%2f..%2fsecret.key',
  '/package.json',
  '/dist/server/main.js',
  '/.git/config',
  '/api/openapi.json/../../secret.key',
]

test.for(files)('no file is read by %s, not even by an administrator', async (target) => {
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    const { status, text } = await raw(`${method} ${target} HTTP/1.1`, authorizationOf('admin'))
    expect([400, 404, 405], text).toContain(status)
  }
})

describe('the Host header', () => {
  const hosts: readonly (readonly [what: string, lines: readonly string[], status: number])[] = [
    ['with a quote that would end the realm', ['Host: x",realm="http://evil.example'], 400],
    ['with a path', ['Host: evil.example/v2'], 400],
    ['with a user', ['Host: x@evil.example'], 400],
    ['with a space', ['Host: a b'], 400],
    ['with two names', ['Host: a,b'], 400],
    ['with a port that is none', ['Host: a:99999'], 400],
    ['that is missing', [], 400],
  ]
  test.for(hosts)('%s is 400', async ([, lines, status]) => {
    const text = await exchangeRaw(
      table().url,
      ['GET /v2/ HTTP/1.1', ...lines, 'Connection: close', '', ''].join('\r\n'),
    )
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(text).not.toContain('evil')
  })

  test('of another name changes what the asker is told, and opens nothing', async () => {
    const headers: RequestHeaders = { host: 'evil.example' }
    const ping = await send(table().url, { method: 'GET', target: '/v2/', headers })
    expect(ping.headers['www-authenticate']).toContain('realm="http://evil.example/v2/_auth"')
    for (const host of ['evil.example', 'localhost', '127.0.0.1', '[::1]']) {
      const answer = await raw('GET /api/security/users/list HTTP/1.0', [`Host: ${host}`])
      expect(answer.status).toBe(401)
    }
  })

  test('with forwarded names beside it, from whom nobody trusts, is all that counts', async () => {
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '10.1.1.1',
      forwarded: 'host=evil.example;proto=https',
      'x-original-url': '/api/security/users/list',
      'x-rewrite-url': '/api/security/users/list',
      'x-host': 'evil.example',
    }
    const ping = await send(table().url, { method: 'GET', target: '/v2/', headers })
    expect(ping.headers['www-authenticate']).toContain(`realm="${server().url}/v2/_auth"`)
    const home = await send(table().url, { method: 'GET', target: '/', headers })
    expect(home.body.toString()).not.toContain('Admin')
  })
})

function encodeAll(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}
