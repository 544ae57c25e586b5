import http from 'node:http'
import path from 'node:path'
import { expect } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import type { ConnectorInfo } from '../../contract/connectors.ts'
import { clientOf } from '../support/api-call.ts'
import type { Content, Image } from '../support/content.ts'
import { type Distribution, startDistribution } from '../support/distribution.ts'
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts'
import { ask, type Reply } from '../support/registry-client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

type NewConnector = Partial<
  Pick<ConnectorInfo, 'feed' | 'filters' | 'freshnessSeconds' | 'libraryPrefix' | 'timeout' | 'url'>
> &
  Partial<Pick<ConnectorInfo, 'caCertificate' | 'realmHosts' | 'username'>> & {
    readonly name: string
    readonly password?: string
  }

/** A server whose registry `hub` asks another one, through what spoils its answers. */
export interface Stage extends AsyncDisposable {
  readonly upstream: Distribution
  readonly proxy: FaultProxy
  readonly server: TestServer
  readonly pull: Pull
  /** How many of the requests that the other registry heard are of this kind. */
  countOf(pattern: RegExp): number
}

export type Pull = ReturnType<typeof puller>

/** `program` is the path of `docker-registry`. */
export async function openStage(
  program: string,
  connector: Omit<NewConnector, 'name' | 'url'>,
  ...overrides: Parameters<typeof startServer>
): Promise<Stage> {
  const folder = makeTemporaryFolder('connectors')
  const upstream = await startDistribution(program, path.join(folder.path, 'upstream'))
  const proxy = await openFaultProxy(upstream.url)
  const server = await startServer(...overrides)
  await server.createFeed('hub')
  await connect(server, 'hub', { ...connector, name: 'upstream', url: proxy.url })
  return {
    ...{ upstream, proxy, server, pull: puller(server) },
    countOf: (pattern) => proxy.requests.filter((each) => pattern.test(each)).length,
    async [Symbol.asyncDispose]() {
      for (const opened of [server, proxy, upstream, folder]) await opened[Symbol.asyncDispose]()
    },
  }
}

/** Makes a connector that may call this machine, and has the feed ask it. */
export async function connect(
  server: Pick<TestServer, 'admin' | 'url'>,
  feed: string,
  connector: NewConnector,
): Promise<ConnectorInfo> {
  const client = clientOf(server.url, server.admin)
  const body = { allowPrivate: true, timeout: 5, ...connector }
  const made = await call(client, api.connectors.create, { body })
  const { connectors } = await call(client, api.feeds.get, { params: { name: feed } })
  const all = { connectors: [...connectors, made.name] }
  await call(client, api.feeds.update, { params: { name: feed }, body: all })
  return made
}

/** A client that pulls as Admin, without keeping what it gets. */
export function puller(server: TestServer, authorization: string | null = server.admin) {
  const agent = new http.Agent({ maxSockets: 200 })
  const client = {
    ...{ url: server.url, agent },
    ...(authorization !== null && { authorization }),
  }
  return (method: string, path: string, discardBody = false): Promise<Reply> =>
    ask(client, { method, path, discardBody, headers: { accept: '*/*' } })
}

/** Pulls an image of one manifest and checks each byte; the reply with the manifest. */
export async function expectWhole(
  pull: Pull,
  { name, reference = '1' }: { readonly name: string; readonly reference?: string },
  image: Image,
): Promise<Reply> {
  const manifest = await pull('GET', `/v2/${name}/manifests/${reference}`)
  expect(manifest.status, manifest.body.toString()).toBe(200)
  expect(manifest.body.equals(image.manifest.bytes)).toBe(true)
  expect(manifest.headers['content-type']).toBe(image.manifest.mediaType)
  for (const blob of image.blobs) {
    const got = await pull('GET', `/v2/${name}/blobs/${blob.digest}`)
    expect([got.status, got.complete, got.body.equals(blob.bytes)]).toEqual([200, true, true])
  }
  return manifest
}

/** Puts an image into a registry that asks for nothing, as it is. */
export async function seed(
  url: string,
  name: string,
  {
    image,
    tags,
  }: { readonly image: Pick<Image, 'blobs' | 'manifest'>; readonly tags: readonly string[] },
  headers: Record<string, string> = {},
): Promise<void> {
  for (const blob of image.blobs) await seedBlob(url, name, blob, headers)
  for (const reference of tags.length === 0 ? [image.manifest.digest] : tags) {
    const answer = await fetch(`${url}/v2/${name}/manifests/${reference}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': image.manifest.mediaType },
      body: new Uint8Array(image.manifest.bytes),
    })
    if (answer.status !== 201) throw new Error(`PUT manifest: ${await answer.text()}`)
  }
}

async function seedBlob(
  url: string,
  name: string,
  blob: Content,
  headers: Record<string, string>,
): Promise<void> {
  const start = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST', headers })
  const location = new URL(start.headers.get('location') ?? '', url)
  location.searchParams.set('digest', blob.digest)
  const body = new Uint8Array(blob.bytes)
  const sent = { ...headers, 'content-type': 'application/octet-stream' }
  const answer = await fetch(location, { method: 'PUT', headers: sent, body })
  if (answer.status !== 201) throw new Error(`PUT blob: ${await answer.text()}`)
}
