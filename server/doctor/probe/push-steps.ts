import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type Sent } from './request.ts'
import { describe, expectStatus, Trouble } from './trouble.ts'
import { askAs, basicOf, locationOf, repositoryOf, type Walk } from './walk.ts'

/** What a client does on its way, one thing after the other. */
export interface Step {
  readonly name: string
  /** Without it nothing that follows can work. */
  readonly isVital?: true
  /** Throws Trouble. */
  run(walk: Walk): Promise<void>
}

const halfBytes = 64 * 1024
const pieceBytes = 1024 * 1024
const streamMs = 5000
const lookMs = 50

export const pushSteps: readonly Step[] = [
  { name: 'the header Authorization', isVital: true, run: authorize },
  { name: 'a token', isVital: true, run: getToken },
  { name: 'an upload', isVital: true, run: async (walk) => void (await startUpload(walk)) },
  { name: 'a body as it comes', run: stream },
  { name: 'a large body', run: sendLargeBody },
  { name: 'a layer in two chunks', isVital: true, run: pushLayer },
  { name: 'a configuration in one request', isVital: true, run: pushConfiguration },
  { name: 'a manifest', isVital: true, run: pushManifest },
]

async function authorize(walk: Walk): Promise<void> {
  const { way, key } = walk
  const headers = { authorization: basicOf(walk) }
  const reply = await ask(way, { method: 'GET', path: '/v2/', headers })
  if (reply.status !== 401) return void expectStatus(reply, 200, 'GET /v2/ with credentials')
  const seen = 'GET /v2/ with credentials that are good is answered 401, as without any'
  // The same key in another header tells a header that is dropped from a server that does not know it.
  const path = '/api/sessions/whoami'
  const known = await ask(way, { method: 'GET', path, headers: { 'x-apikey': key } })
  if (known.status === 200 && !/"kind":"anonymous"/.test(known.body.toString())) {
    throw new Trouble('authorization', `${seen}; in the header X-ApiKey they are taken.`)
  }
  throw new Trouble('stranger', `${seen}, and so they are in the header X-ApiKey.`)
}

async function getToken(walk: Walk): Promise<void> {
  const { way, feed } = walk
  const challenge = await ask(way, { method: 'GET', path: '/v2/' })
  const service = /\bservice="([^"]*)"/.exec(String(challenge.headers['www-authenticate']))?.[1]
  const query = new URLSearchParams({
    ...(service !== undefined && { service }),
    scope: `repository:${feed}/${way.name}:pull,push,delete`,
  })
  const path = `/v2/_auth?${query}`
  const headers = { authorization: basicOf(walk) }
  const reply = await ask(way, { method: 'GET', path, headers })
  expectStatus(reply, 200, 'GET /v2/_auth')
  walk.token = tokenOf(reply.body)
}

function tokenOf(body: Buffer): string {
  try {
    const { token } = JSON.parse(body.toString('utf8')) as { readonly token?: unknown }
    if (typeof token === 'string') return token
  } catch {
    // Said below.
  }
  throw new Trouble('bytes', 'GET /v2/_auth is answered 200 without a token.')
}

/** Its address. */
async function startUpload(walk: Walk): Promise<string> {
  const path = `${repositoryOf(walk)}/blobs/uploads/`
  const asked = `POST ${path}`
  const reply = await askAs(walk, { method: 'POST', path, body: Buffer.alloc(0) })
  return locationOf(walk, expectStatus(reply, 202, asked), asked)
}

async function append(
  walk: Walk,
  path: string,
  body: Uint8Array,
  how: Pick<Sent, 'times' | 'whenHalfIsSent'> = {},
): Promise<string> {
  const asked = `PATCH with a body of ${formatBody((how.times ?? 1) * body.byteLength)}`
  const headers = { 'content-type': 'application/octet-stream' }
  const reply = await askAs(walk, { method: 'PATCH', path, headers, body, ...how })
  return locationOf(walk, expectStatus(reply, 202, asked), asked)
}

function formatBody(bytes: number): string {
  const mebibytes = bytes / 2 ** 20
  return mebibytes >= 1 ? `${mebibytes.toFixed(1)} MiB` : `${bytes} bytes`
}

/**
 * Sends half of a body and looks whether the server has the request: its upload has a writer then,
 * which its epoch shows from the second one on.
 */
async function stream(walk: Walk): Promise<void> {
  const path = await append(walk, await startUpload(walk), randomBytes(64))
  const id = new URL(path, walk.way.url).pathname.split('/').at(-1) ?? ''
  const before = await walk.findEpoch(id)
  let cameAsItWas = false
  const watch = async () => {
    const endsAt = performance.now() + streamMs
    while (!cameAsItWas && performance.now() < endsAt) {
      await sleep(lookMs)
      cameAsItWas = (await walk.findEpoch(id)) !== before
    }
  }
  const next = await append(walk, path, randomBytes(2 * halfBytes), { whenHalfIsSent: watch })
  await askAs(walk, { method: 'DELETE', path: next })
  if (cameAsItWas) return
  throw new Trouble(
    'buffered',
    `Half of a body was sent, and ${streamMs / 1000} seconds later nothing of the request had come through: it is kept back until all is there.`,
  )
}

async function sendLargeBody(walk: Walk): Promise<void> {
  const path = await startUpload(walk)
  try {
    const times = Math.max(1, Math.ceil(walk.bodyBytes / pieceBytes))
    const piece = randomBytes(Math.min(walk.bodyBytes, pieceBytes))
    await append(walk, path, piece, { times })
  } finally {
    // On the way that is tried it may be refused; the registry goes anyway.
    await askAs(walk, { method: 'DELETE', path })
  }
}

async function pushLayer(walk: Walk): Promise<void> {
  const { layer, layerDigest } = walk.image
  const middle = Math.floor(layer.byteLength / 2)
  const chunks = [layer.subarray(0, middle), layer.subarray(middle)]
  let path = await startUpload(walk)
  let at = 0
  for (const chunk of chunks) {
    const end = at + chunk.byteLength - 1
    const headers = { 'content-range': `${at}-${end}`, 'content-type': 'application/octet-stream' }
    const reply = await askAs(walk, { method: 'PATCH', path, headers, body: chunk })
    const asked = `PATCH of bytes ${at} to ${end}`
    path = locationOf(walk, expectStatus(reply, 202, asked), asked)
    if (reply.headers.range !== `0-${end}`) {
      throw new Trouble('headers', `${asked} is answered with Range ${reply.headers.range}.`)
    }
    at = end + 1
  }
  await finish(walk, path, layerDigest)
}

async function finish(
  walk: Walk,
  path: string,
  digest: string,
  body: Uint8Array = Buffer.alloc(0),
): Promise<void> {
  const target = `${path}${path.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`
  const headers = { 'content-type': 'application/octet-stream' }
  const reply = await askAs(walk, { method: 'PUT', path: target, headers, body })
  expectStatus(reply, 201, 'PUT that ends an upload')
}

async function pushConfiguration(walk: Walk): Promise<void> {
  const { config, configDigest } = walk.image
  await finish(walk, await startUpload(walk), configDigest, config)
}

async function pushManifest(walk: Walk): Promise<void> {
  const { manifest, manifestDigest, mediaType } = walk.image
  const path = `${repositoryOf(walk)}/manifests/probe`
  const headers = { 'content-type': mediaType }
  const reply = await askAs(walk, { method: 'PUT', path, headers, body: manifest })
  expectStatus(reply, 201, 'PUT of a manifest')
  const digest = reply.headers['docker-content-digest']
  if (digest === manifestDigest) return
  const seen = `PUT of a manifest is answered ${describe(reply)} with Docker-Content-Digest ${digest}, not ${manifestDigest}.`
  throw new Trouble('headers', seen)
}
