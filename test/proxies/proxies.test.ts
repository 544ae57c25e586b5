import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { runCommand, runSuccessfully } from '../support/command.ts'
import { contentOf, seededBytes } from '../support/content.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { findFreePort } from '../support/free-port.ts'
import { makeOciLayout } from '../support/oci-layout.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { basicAuthorization, withQuery } from '../support/registry-client.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { documentedSettings } from './documented.ts'
import {
  askSecurely,
  type SecureAnswer,
  type SecureRequest,
  startApache,
  startCaddy,
  startNginx,
  type TlsProxy,
} from './proxy.ts'

const sbin = { folders: ['/usr/sbin'] }
const openssl = needs({ program: 'openssl', package: 'openssl' })
const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const proxies = [
  {
    name: 'nginx',
    found: needs({ program: 'nginx', package: 'nginx', ...sbin }),
    start: startNginx,
  },
  {
    name: 'Apache',
    found: needs({ program: 'apache2', package: 'apache2', ...sbin }),
    start: startApache,
  },
  { name: 'Caddy', found: needs({ program: 'caddy', package: 'caddy' }), start: startCaddy },
] as const
const { engine, reason: noEngine } = await startDockerEngine()
const folder = makeTemporaryFolder('proxies')
const authorization = basicAuthorization('Admin', adminPassword)
/** Made once: hashing it takes a while. */
let big: BigLayer | undefined

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

for (const { name, found, start } of proxies) {
  const missing = [found, openssl, skopeo].find(({ skip }) => skip)
  const skipped = missing === undefined ? '' : ` (skipped: ${missing.reason})`

  describe.skipIf(missing !== undefined)(
    `behind ${name}, configured as documented${skipped}`,
    () => {
      const here = path.join(folder.path, name)
      let certificates: Certificates
      let ca: Buffer
      let server: ServerProcess
      let proxy: TlsProxy
      let started = 0

      beforeAll(async () => {
        await mkdir(path.join(here, 'trusted'), { recursive: true })
        certificates = await makeCertificates(here)
        ca = await readFile(certificates.caFile)
        await writeFile(path.join(here, 'trusted/ca.crt'), ca)
        server = await serve('data', { ENTREPOT_TRUST_PROXY: documentedSettings().trustProxy })
        proxy = await startProxy(server)
      })

      afterAll(async () => {
        await proxy?.[Symbol.asyncDispose]()
        expect(await server?.stop()).toBe(0)
      })

      test('sends clients to its own address for tokens', async () => {
        const answer = await ask({ method: 'GET', path: '/v2/' })
        expect(answer.status).toBe(401)
        const [realm, service] = [`realm="${proxy.url}/v2/_auth"`, `service="${proxy.host}"`]
        expect(answer.headers['www-authenticate']).toBe(`Bearer ${realm},${service}`)
      })

      test('believes no forwarded headers of a client', async () => {
        const headers = {
          'x-forwarded-host': 'evil.example',
          'x-forwarded-proto': 'http',
          'x-forwarded-port': '1',
        }
        // As where the proxy listens on the usual port, a name without one.
        for (const host of [proxy.host, '127.0.0.1']) {
          const answer = await ask({ method: 'GET', path: '/v2/', headers: { ...headers, host } })
          expect(answer.headers['www-authenticate']).toContain(`realm="https://${host}/v2/_auth"`)
        }
      })

      test('skopeo logs in, pushes and pulls, byte for byte', async () => {
        const authFile = ['--authfile', path.join(here, 'auth.json')]
        const trust = path.join(here, 'trusted')
        const image = `docker://${proxy.host}/main/team/app:1`
        await mkdir(path.join(here, 'layout'))
        const layout = await makeOciLayout(path.join(here, 'layout'), name.toLowerCase())
        const user = ['--username', 'Admin', '--password', adminPassword]
        await run('login', '--cert-dir', trust, ...authFile, ...user, proxy.host)
        const copy = ['copy', '--all', ...authFile]
        await run(...copy, '--dest-cert-dir', trust, layout.reference, image)
        await run(...copy, '--src-cert-dir', trust, image, `oci:${here}/back:1`)
        for (const [digest, content] of layout.contents) {
          const file = path.join(here, 'back/blobs/sha256', digest.slice('sha256:'.length))
          expect(await readFile(file), digest).toEqual(content)
        }
      })

      test.skipIf(engine === undefined)(
        `docker logs in, pushes and pulls${noEngine && ` (skipped: ${noEngine})`}`,
        async () => {
          if (engine === undefined) return
          const image = `${proxy.host}/main/team/docker:1`
          const asked = { configFolder: path.join(here, 'docker'), input: adminPassword }
          const login = ['login', '--username', 'Admin', '--password-stdin', proxy.host]
          await engine.build(image, { layers: [{ text: name }], main: 'cat /text' })
          for (const args of [login, ['push', image], ['rmi', '--force', image], ['pull', image]]) {
            const result = await engine.run(args, asked)
            expect(result.code, result.output).toBe(0)
          }
        },
        60_000,
      )

      test('takes a layer of 300 MiB in one request and gives it back', async () => {
        big ??= bigLayer(300)
        const layer = big
        const started = await ask({ method: 'POST', path: '/v2/main/big/blobs/uploads/' }, true)
        expect(started.status).toBe(202)
        const patched = await ask(
          {
            method: 'PATCH',
            path: locationOf(started),
            headers: { 'content-length': layer.sizeBytes },
            body: layer.pieces(),
          },
          true,
        )
        expect(patched.status).toBe(202)
        expect(patched.headers.range).toBe(`0-${layer.sizeBytes - 1}`)
        const closing = withQuery(locationOf(patched), 'digest', layer.digest)
        expect((await ask({ method: 'PUT', path: closing }, true)).status).toBe(201)
        const hash = createHash('sha256')
        const pulled = await ask(
          { method: 'GET', path: `/v2/main/big/blobs/${layer.digest}` },
          true,
          (piece) => hash.update(piece),
        )
        expect(pulled.status).toBe(200)
        expect(pulled.headers['content-length']).toBe(`${layer.sizeBytes}`)
        expect(pulled.headers['content-encoding']).toBeUndefined()
        expect(`sha256:${hash.digest('hex')}`).toBe(layer.digest)
      }, 60_000)

      test('takes an upload in chunks, without and with a length, and gives ranges', async () => {
        const content = contentOf(seededBytes(name, 3_000_000))
        const third = (i: number) => content.bytes.subarray(i * 1_000_000, (i + 1) * 1_000_000)
        const started = await ask({ method: 'POST', path: '/v2/main/parts/blobs/uploads/' }, true)
        let path = locationOf(started)
        for (const i of [0, 1, 2]) {
          const range = `${i * 1_000_000}-${(i + 1) * 1_000_000 - 1}`
          const length = i === 1 ? { 'content-length': 1_000_000 } : {}
          const headers = { 'content-range': range, ...length }
          const patched = await ask({ method: 'PATCH', path, headers, body: [third(i)] }, true)
          expect(patched.status).toBe(202)
          expect(patched.headers.range).toBe(`0-${(i + 1) * 1_000_000 - 1}`)
          path = locationOf(patched)
        }
        const closing = withQuery(path, 'digest', content.digest)
        expect((await ask({ method: 'PUT', path: closing }, true)).status).toBe(201)
        const headers = { range: 'bytes=999990-1000009' }
        // The colon of a digest may come escaped.
        for (const digest of [content.digest, encodeURIComponent(content.digest)]) {
          const target = `/v2/main/parts/blobs/${digest}`
          const part = await ask({ method: 'GET', path: target, headers }, true)
          expect(part.status).toBe(206)
          expect(part.headers['content-range']).toBe('bytes 999990-1000009/3000000')
          expect(part.body).toEqual(content.bytes.subarray(999_990, 1_000_010))
        }
      })

      // What a wrong setting does has nothing to do with the kind of proxy: once is enough.
      if (start === startNginx) {
        test('a wrong base URL fails logins, and log and health say so', async () => {
          const wrong = 'https://wrong.example:5443'
          await using other = await serve('wrong', { ENTREPOT_BASE_URL: wrong })
          await using before = await startProxy(other)
          expect((await loginThrough(before)).code).not.toBe(0)
          const said = `as ${before.url}, but the base URL is ${wrong}`
          expect(await readFile(other.logFile, 'utf8')).toContain(said)
          const health = await readHealth(other)
          expect(health.baseUrlWarning).toContain(said)
          expect(health).toMatchObject({ serviceStatus: 'OK', serviceStatusDetail: null })
        })

        test('a proxy that is not trusted fails logins, and log and health say so', async () => {
          await using other = await serve('untrusted', {})
          await using before = await startProxy(other)
          expect((await loginThrough(before)).code).not.toBe(0)
          const said = '127.0.0.1 sends x-forwarded-proto'
          expect(await readFile(other.logFile, 'utf8')).toContain(said)
          expect((await readHealth(other)).baseUrlWarning).toContain(said)
        })
      }

      test('the right base URL needs no trust, and nothing is complained of', async () => {
        const port = await findFreePort()
        const baseUrl = `https://127.0.0.1:${port}`
        await using other = await serve('right', { ENTREPOT_BASE_URL: baseUrl })
        await using before = await startProxy(other, port)
        const login = await loginThrough(before)
        expect(login.code, login.output).toBe(0)
        expect((await readHealth(other)).baseUrlWarning).toBeNull()
        expect(await readFile(other.logFile, 'utf8')).not.toContain(baseUrl)
      })

      function serve(data: string, env: Readonly<Record<string, string>>) {
        return startProcess({ dataDir: path.join(here, data), env })
      }

      function startProxy(backend: ServerProcess, port?: number): Promise<TlsProxy> {
        started += 1
        return start({
          program: found.file,
          folder: path.join(here, `proxy-${started}`),
          certificates,
          backend: backend.host,
          ...(port !== undefined && { port }),
        })
      }

      function loginThrough(through: TlsProxy) {
        const trust = ['--cert-dir', path.join(here, 'trusted')]
        const authFile = ['--authfile', path.join(here, `auth-${started}.json`)]
        const user = ['--username', 'Admin', '--password', adminPassword]
        return runSkopeo(['login', ...trust, ...authFile, ...user, through.host])
      }

      function ask(request: SecureRequest, asAdmin = false, onPiece?: (piece: Buffer) => void) {
        const headers = { ...(asAdmin && { authorization }), ...request.headers }
        return askSecurely(proxy, ca, { ...request, headers }, onPiece)
      }
    },
    60_000,
  )
}

interface BigLayer {
  readonly sizeBytes: number
  readonly digest: string
  readonly pieces: () => Iterable<Uint8Array>
}

/** A layer made of a piece that is repeated with a number in it, and so never held whole. */
function bigLayer(mebibytes: number): BigLayer {
  const piece = seededBytes('big layer', 1 << 20)
  const numbered = (i: number) => {
    const copy = Buffer.from(piece)
    copy.writeUInt32BE(i, 0)
    return copy
  }
  function* pieces() {
    for (let i = 0; i < mebibytes; i++) yield numbered(i)
  }
  const hash = createHash('sha256')
  for (const one of pieces()) hash.update(one)
  return { pieces, sizeBytes: mebibytes << 20, digest: `sha256:${hash.digest('hex')}` }
}

function locationOf(answer: SecureAnswer): string {
  const { location } = answer.headers
  if (typeof location !== 'string') throw new Error(`${answer.status} without a Location`)
  return location
}

async function readHealth(server: ServerProcess): Promise<Record<string, unknown>> {
  const answer = await fetch(`${server.url}/health/json`)
  return (await answer.json()) as Record<string, unknown>
}

const environment = { ...process.env, XDG_RUNTIME_DIR: folder.path, HOME: folder.path }

function runSkopeo(args: readonly string[]) {
  return runCommand(skopeo.file, ['--insecure-policy', ...args], { env: environment })
}

function run(...args: readonly string[]): Promise<string> {
  return runSuccessfully(skopeo.file, ['--insecure-policy', ...args], { env: environment })
}
