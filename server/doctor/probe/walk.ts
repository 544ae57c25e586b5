import { createHash, randomBytes } from 'node:crypto'
import { ask, type Reply, type Sent, type Way } from './request.ts'
import { Trouble } from './trouble.ts'

/** What one walk through all steps goes by. */
export interface Walk {
  readonly way: Way
  readonly feed: string
  readonly key: string
  readonly bodyBytes: number
  /** Tells a writer of an upload from none (`findUploadEpoch`). */
  readonly findEpoch: (uploadId: string) => Promise<number | undefined>
  readonly image: ProbeImage
  /** Set by the step that asks for one. */
  token: string | null
}

/** For the token, and for what is asked without one. */
export function basicOf({ key }: Walk): string {
  return `Basic ${Buffer.from(`api:${key}`).toString('base64')}`
}

/** `/v2/<feed>/<way>`; each way has a repository of its own. */
export function repositoryOf({ feed, way }: Walk): string {
  return `/v2/${feed}/${way.name}`
}

/** As the client that has a token. */
export function askAs(walk: Walk, sent: Sent): Promise<Reply> {
  const { token } = walk
  const bearer = token === null ? basicOf(walk) : `Bearer ${token}`
  return ask(walk.way, { ...sent, headers: { authorization: bearer, ...sent.headers } })
}

/** Where to go on, as path and query. Throws Trouble when that is another server. */
export function locationOf({ way }: Walk, reply: Reply, asked: string): string {
  const { location } = reply.headers
  if (location === undefined) {
    throw new Trouble('headers', `${asked} is answered ${reply.status} without Location.`)
  }
  const target = URL.parse(location, way.url)
  if (target?.origin === new URL(way.url).origin && target.pathname.startsWith('/v2/')) {
    return `${target.pathname}${target.search}`
  }
  throw new Trouble('location', `${asked} sends clients on to ${location}, not to ${way.url}.`)
}

export interface ProbeImage {
  readonly layer: Buffer
  readonly layerDigest: string
  readonly config: Buffer
  readonly configDigest: string
  readonly manifest: Buffer
  readonly manifestDigest: string
  readonly mediaType: string
}

const layerBytes = 200_000

/** Of bytes at random: another one's layer is never taken for it. */
export function makeImage(): ProbeImage {
  const layer = randomBytes(layerBytes)
  const layerDigest = digestOf(layer)
  const mark = randomBytes(8).toString('hex')
  const rootfs = { type: 'layers', diff_ids: [layerDigest] }
  // Long and dull enough that a proxy which compresses would do it.
  const labels = { probe: mark, padding: 'entrepot doctor '.repeat(100) }
  const config = json({ architecture: 'amd64', os: 'linux', config: { Labels: labels }, rootfs })
  const configDigest = digestOf(config)
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = json({
    ...{ schemaVersion: 2, mediaType },
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: configDigest,
      size: config.byteLength,
    },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: layerDigest,
        size: layer.byteLength,
      },
    ],
  })
  const manifestDigest = digestOf(manifest)
  return { layer, layerDigest, config, configDigest, manifest, manifestDigest, mediaType }
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
