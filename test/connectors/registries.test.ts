import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { makeCertificates } from '../support/certificates.ts'
import { runSuccessfully } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { type Distribution, startDistribution } from '../support/distribution.ts'
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts'
import { imageOf } from '../support/layers.ts'
import { pushImage } from '../support/push.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { needs } from '../support/require.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { connect, puller, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
const htpasswd = needs({ program: 'htpasswd', package: 'apache2-utils' })
const openssl = needs({ program: 'openssl', package: 'openssl' })

const needed = [registry.reason, htpasswd.reason, openssl.reason]
describeWith('connectors to registries of every kind', needed, () => {
  const folder = makeTemporaryFolder('connector-registries')
  const image = imageOf([{ bytes: randomBytes(50_000) }])
  const closers: AsyncDisposable[] = []
  let server: TestServer
  let pull: ReturnType<typeof puller>
  let ca = ''
  let secured: Distribution
  let secureProxy: FaultProxy
  let other: TestServer

  function keep<T extends AsyncDisposable>(opened: T): T {
    closers.push(opened)
    return opened
  }

  beforeAll(async () => {
    const certificates = await makeCertificates(folder.path)
    ca = readFileSync(certificates.caFile, 'utf8')
    const htpasswdFile = path.join(folder.path, 'htpasswd')
    const line = await runSuccessfully(htpasswd.file, ['-nbB', 'linda', 'right'])
    await writeFile(htpasswdFile, line)
    const options = { htpasswdFile, certificates }
    const data = path.join(folder.path, 'secured')
    secured = keep(await startDistribution(registry.file, data, options))
    secureProxy = keep(await openFaultProxy(secured.url, ca))
    const authorization = basicAuthorization('linda', 'right')
    await seed(secureProxy.url, 'app', { image, tags: ['1'] }, { authorization })
    other = keep(await startServer())
    await pushImage({ url: other.url, callers: { admin: other.admin } }, 'main/app', image, ['1'])
    server = keep(await startServer())
    pull = puller(server)
  }, 120_000)
  afterAll(async () => {
    for (const closer of closers.reverse()) await closer[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const client = () => clientOf(server.url, server.admin)
  const tryOut = (connector: string) => call(client(), api.connectors.test, { body: { connector } })

  async function expectImage(feed: string) {
    const manifest = await pull('GET', `/v2/${feed}/app/manifests/1`)
    expect(manifest.status, manifest.body.toString()).toBe(200)
    for (const blob of image.blobs) {
      const got = await pull('GET', `/v2/${feed}/app/blobs/${blob.digest}`)
      expect([got.status, got.body.equals(blob.bytes)]).toEqual([200, true])
    }
  }

  test('with TLS and a password', async () => {
    await server.createFeed('secure')
    const login = { username: 'linda', password: 'right' }
    const { url } = secured
    const made = await connect(server, 'secure', { name: 'secure', url, ...login })
    expect(JSON.stringify(made)).not.toContain('right')
    expect(made.hasPassword).toBe(true)
    expect(await tryOut('secure')).toMatchObject({ ok: false, step: 'tls' })
    const params = { name: 'secure' }
    const moved = { params, body: { caCertificate: ca } }
    expect(await problemOf(call(client(), api.connectors.update, moved))).toMatchObject({
      status: 422,
    })
    const body = { caCertificate: ca, password: 'right' }
    await call(client(), api.connectors.update, { params, body })
    expect(await tryOut('secure')).toMatchObject({ ok: true })
    await expectImage('secure')
  })

  test('with a wrong password, which is not tried again and again', async () => {
    await server.createFeed('wrong')
    const login = { username: 'linda', password: 'wrong' }
    await connect(server, 'wrong', { name: 'wrong', url: secureProxy.url, ...login })
    expect(await tryOut('wrong')).toMatchObject({
      ...{ ok: false, step: 'token', message: expect.stringContaining('password') },
    })
    expect((await pull('GET', '/v2/wrong/app/manifests/1')).status).toBe(502)
    const before = secureProxy.requests.length
    expect((await pull('GET', '/v2/wrong/app/manifests/1')).status).toBe(502)
    expect(secureProxy.requests.length).toBe(before)
    const body = { password: 'right' }
    await call(client(), api.connectors.update, { params: { name: 'wrong' }, body })
    await expectImage('wrong')
  })

  test('another Entrepot, with tokens that are kept', async () => {
    await server.createFeed('entrepot')
    const proxy = keep(await openFaultProxy(other.url))
    const login = { username: 'Admin', password: other.adminPassword }
    await connect(server, 'entrepot', { name: 'entrepot', url: `${proxy.url}/main`, ...login })
    // The realm is the other server itself, which is another host than the proxy.
    expect(await tryOut('entrepot')).toMatchObject({ ok: false, step: 'token' })
    const body = { realmHosts: [new URL(other.url).host], password: other.adminPassword }
    await call(client(), api.connectors.update, { params: { name: 'entrepot' }, body })
    await expectImage('entrepot')
    expect(proxy.requests.filter((each) => each === 'GET /v2/main/app/manifests/1')).toHaveLength(2)
    expect(proxy.headersOf(/blobs/)?.authorization).toMatch(/^Bearer /)
  })

  test.each([
    ['dns', 'https://nowhere.invalid'],
    ['connect', 'http://127.0.0.1:1'],
    ['address', 'http://169.254.169.254'],
  ])('the test says that it failed at %s', async (step, url) => {
    const body = { name: `test-${step}`, url, allowPrivate: true, timeout: 3 }
    await call(client(), api.connectors.create, { body })
    expect(await tryOut(body.name)).toMatchObject({ ok: false, step })
  })

  test('a registry of this server, with the rights there, and in no circle', async () => {
    await server.createFeed('source')
    await server.createFeed('front')
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'source/app', image, ['1'])
    await connect(server, 'front', { name: 'to-source', feed: 'source' })
    await sleep(1100)
    await expectImage('front')
    const tags = await pull('GET', '/v2/front/app/tags/list')
    expect(JSON.parse(tags.body.toString()).tags).toEqual(['1'])
    const key = await server.createKey('front')
    const stranger = puller(server, key.authorization)
    expect((await stranger('GET', '/v2/front/app/manifests/1')).status).toBe(404)
    const made = { name: 'to-front', feed: 'front' }
    await call(client(), api.connectors.create, { body: made })
    const circle = { params: { name: 'source' }, body: { connectors: ['to-front'] } }
    expect(await problemOf(call(client(), api.feeds.update, circle))).toMatchObject({ status: 422 })
  })

  test('a mirror answers for its host, and for who names none', async () => {
    await server.createFeed('mirror')
    await connect(server, 'mirror', {
      ...{ name: 'mirrored', url: `${other.url}/main` },
      ...{ username: 'Admin', password: other.adminPassword },
    })
    const params = { name: 'mirror' }
    await call(client(), api.feeds.update, { params, body: { mirrorOf: 'docker.io' } })
    await sleep(1100)
    const named = await pull('GET', '/v2/app/manifests/1?ns=docker.io')
    expect([named.status, named.body.equals(image.manifest.bytes)]).toEqual([200, true])
    const [layer] = image.layers
    const blob = await pull('GET', `/v2/app/blobs/${layer?.digest}?ns=docker.io`)
    expect(blob.body.equals(layer?.bytes ?? Buffer.alloc(0))).toBe(true)
    expect((await pull('GET', '/v2/app/manifests/1?ns=ghcr.io')).status).toBe(400)
    expect((await pull('GET', '/v2/team/app/manifests/1')).status).toBe(404)
    await call(client(), api.feeds.update, { params, body: { defaultMirror: true } })
    await sleep(1100)
    expect((await pull('GET', '/v2/app/manifests/1')).status).toBe(200)
    expect((await pull('PUT', '/v2/app/manifests/2')).status).toBe(400)
    const scope = 'scope=repository:team/app:pull&service=x'
    const token = await pull('GET', `/v2/_auth?${scope}`)
    const bearer = `Bearer ${JSON.parse(token.body.toString()).token}`
    const reply = await puller(server, bearer)('GET', '/v2/team/app/manifests/1')
    expect([reply.status, reply.body.toString()]).toEqual([
      404,
      expect.stringContaining('MANIFEST_UNKNOWN'),
    ])
    const second = { params: { name: 'front' }, body: { mirrorOf: 'docker.io' } }
    expect(await problemOf(call(client(), api.feeds.update, second))).toMatchObject({ status: 409 })
  })
})
