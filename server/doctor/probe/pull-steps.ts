import type { Step } from './push-steps.ts'
import { expectStatus, Trouble } from './trouble.ts'
import { askAs, digestOf, repositoryOf, type Walk } from './walk.ts'

/** What follows a push. */
export const pullSteps: readonly Step[] = [
  { name: 'a HEAD of the manifest', run: headManifest },
  { name: 'a pull of the manifest', run: pullManifest },
  { name: 'a pull of the layer', run: pullLayer },
  { name: 'a pull of the configuration', run: pullConfiguration },
  { name: 'a range', run: pullRange },
  { name: 'an escaped address', run: pullEscaped },
  { name: 'a deletion', run: deleteManifest },
]

async function headManifest(walk: Walk): Promise<void> {
  const { mediaType, manifest, manifestDigest } = walk.image
  const path = `${repositoryOf(walk)}/manifests/probe`
  const reply = await askAs(walk, { method: 'HEAD', path, headers: { accept: mediaType } })
  expectStatus(reply, 200, 'HEAD of the manifest')
  const expected = {
    'docker-content-digest': manifestDigest,
    'content-length': String(manifest.byteLength),
    'content-type': mediaType,
  }
  for (const [name, value] of Object.entries(expected)) {
    const found = reply.headers[name]
    if (found === value) continue
    const seen = `HEAD of the manifest is answered with ${name}: ${found ?? 'nothing'}, not ${value}.`
    throw new Trouble('headers', seen)
  }
}

function pullManifest(walk: Walk): Promise<void> {
  const { manifestDigest, mediaType } = walk.image
  return pull(walk, {
    ...{ what: 'the manifest', path: '/manifests/probe', digest: manifestDigest },
    headers: { accept: mediaType },
  })
}

function pullLayer(walk: Walk): Promise<void> {
  const { layerDigest: digest } = walk.image
  return pull(walk, { what: 'the layer', path: `/blobs/${digest}`, digest })
}

/** Text: what a proxy compresses, if it does. */
function pullConfiguration(walk: Walk): Promise<void> {
  const { configDigest: digest } = walk.image
  const headers = { 'accept-encoding': 'gzip' }
  return pull(walk, { what: 'the configuration', path: `/blobs/${digest}`, digest, headers })
}

/** The colon of a digest may come escaped. */
function pullEscaped(walk: Walk): Promise<void> {
  const { layerDigest: digest } = walk.image
  const path = `/blobs/${encodeURIComponent(digest)}`
  return pull(walk, { what: 'an address with %3A in it', path, digest })
}

async function pull(
  walk: Walk,
  of: {
    readonly what: string
    readonly path: string
    readonly digest: string
    readonly headers?: Readonly<Record<string, string>>
  },
): Promise<void> {
  const { headers = {} } = of
  const path = `${repositoryOf(walk)}${of.path}`
  const reply = await askAs(walk, { method: 'GET', path, headers })
  expectStatus(reply, 200, `GET of ${of.what}`)
  const encoding = reply.headers['content-encoding']
  if (encoding !== undefined) {
    throw new Trouble('compressed', `GET of ${of.what} is answered compressed (${encoding}).`)
  }
  const found = digestOf(reply.body)
  if (found === of.digest) return
  const seen = `GET of ${of.what} is answered with ${reply.body.byteLength} other bytes, of the digest ${found}.`
  throw new Trouble('bytes', seen)
}

async function pullRange(walk: Walk): Promise<void> {
  const { layer, layerDigest } = walk.image
  const [start, end] = [1000, 50_999]
  const path = `${repositoryOf(walk)}/blobs/${layerDigest}`
  const headers = { range: `bytes=${start}-${end}` }
  const reply = await askAs(walk, { method: 'GET', path, headers })
  if (reply.status === 200) {
    throw new Trouble('range', 'GET of a range is answered 200 with the whole layer, not 206.')
  }
  expectStatus(reply, 206, 'GET of a range')
  if (reply.body.equals(layer.subarray(start, end + 1))) return
  throw new Trouble('bytes', 'GET of a range is answered with other bytes.')
}

async function deleteManifest(walk: Walk): Promise<void> {
  const path = `${repositoryOf(walk)}/manifests/${walk.image.manifestDigest}`
  expectStatus(await askAs(walk, { method: 'DELETE', path }), 202, 'DELETE of the manifest')
}
