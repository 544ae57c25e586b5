import {
  ask,
  expectStatus,
  locationOf,
  type RegistryClient,
  type Reply,
  sha256,
  withQuery,
} from '../test/support/registry-client.ts'
import type { Content } from './contents.ts'

/** The same requests, byte for byte, go to every server. */

/** POST, one PATCH with everything, an empty PUT: as most clients push. */
export async function pushInPatch(
  client: RegistryClient,
  repository: string,
  content: Content,
): Promise<void> {
  const location = await startUpload(client, repository)
  const patched = await ask(client, {
    method: 'PATCH',
    path: location,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': content.sizeBytes,
    },
    body: content.pieces(),
  })
  expectStatus(patched, 202, 'PATCH')
  await closeUpload(client, { location: locationOf(patched, 'PATCH'), digest: content.digest })
}

/** HEAD, POST and a PUT with everything: as containerd and oras push. */
export async function pushInPut(
  client: RegistryClient,
  repository: string,
  content: Content,
): Promise<void> {
  const path = `/v2/${repository}/blobs/${content.digest}`
  const head = await ask(client, { method: 'HEAD', path })
  if (head.status === 200) return
  expectStatus(head, 404, 'HEAD')
  const location = await startUpload(client, repository)
  await closeUpload(client, { location, digest: content.digest, content })
}

async function startUpload(client: RegistryClient, repository: string): Promise<string> {
  const path = `/v2/${repository}/blobs/uploads/`
  const reply = await ask(client, { method: 'POST', path, headers: { 'content-length': 0 } })
  expectStatus(reply, 202, 'POST')
  return locationOf(reply, 'POST')
}

interface Closing {
  readonly location: string
  readonly digest: string
  /** Undefined: everything is there already. */
  readonly content?: Content
}

async function closeUpload(client: RegistryClient, closing: Closing): Promise<void> {
  const { content } = closing
  const reply = await ask(client, {
    method: 'PUT',
    path: withQuery(closing.location, 'digest', closing.digest),
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': content?.sizeBytes ?? 0,
    },
    body: content?.pieces() ?? Buffer.alloc(0),
  })
  expectStatus(reply, 201, 'PUT blob')
}

export interface ImageManifest {
  readonly content: Buffer
  readonly digest: string
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'

export function makeManifest(
  config: Content,
  layers: readonly Content[],
  serial: string,
): ImageManifest {
  const describe = (mediaType: string, { digest, sizeBytes }: Content) => ({
    mediaType,
    digest,
    size: sizeBytes,
  })
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => describe('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
      annotations: { 'org.opencontainers.image.version': serial },
    }),
  )
  return { content, digest: sha256(content) }
}

export async function putManifest(
  client: RegistryClient,
  where: { readonly repository: string; readonly tag: string },
  manifest: ImageManifest,
): Promise<void> {
  const reply: Reply = await ask(client, {
    method: 'PUT',
    path: `/v2/${where.repository}/manifests/${where.tag}`,
    headers: { 'content-type': manifestType },
    body: manifest.content,
  })
  expectStatus(reply, 201, 'PUT manifest')
}
