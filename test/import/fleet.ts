import http from 'node:http'
import { expect } from 'vitest'
import {
  artifact,
  blob,
  type Content,
  contentOf,
  descriptor,
  type Image,
  index,
  type ManifestContent,
  manifestOf,
  mediaTypes,
} from '../support/content.ts'
import { ask, type RegistryClient } from '../support/registry-client.ts'
import { inParallel } from './imports.ts'

/** An image to be pushed, under its tag or, without one, its digest. */
interface Pushed {
  readonly repository: string
  readonly tag: string | null
  readonly manifest: ManifestContent
}

export interface Fleet {
  readonly repositories: readonly string[]
  readonly blobs: ReadonlyMap<string, readonly Content[]>
  /** In an order in which they can be pushed: three times what refers to others. */
  readonly waves: readonly (readonly Pushed[])[]
  /** What refers to another one, by its subject. */
  readonly referrers: ReadonlyMap<string, string>
}

export interface FleetSize {
  readonly singles: number
  /** Of two platforms each, signed. */
  readonly indexes: number
  readonly repositories: number
}

/**
 * Images as a registry has them: of a few layers that many share, single or of two platforms, the
 * latter signed: by a referrer, listed also under the tag that stands in for a list.
 */
export function makeFleet(seed: string, size: FleetSize): Fleet {
  const layers = Array.from({ length: 24 }, (_, at) => blob(`${seed} layer ${at}`, 700 + at))
  const repositories = Array.from(
    { length: size.repositories },
    (_, at) => `team${at % 3}/app${at}`,
  )
  const blobs = new Map<string, Map<string, Content>>(repositories.map((name) => [name, new Map()]))
  const waves: Pushed[][] = [[], [], [], []]
  const referrers = new Map<string, string>()
  const add = (repository: string, image: Pick<Image, 'blobs'>) => {
    for (const each of image.blobs) blobs.get(repository)?.set(each.digest, each)
  }
  const single = (name: string, at: number) => {
    const shared = [layers[at % 24], layers[(at * 7 + 3) % 24]].flatMap((each) => each ?? [])
    return imageOf(name, [...new Set(shared)])
  }
  const repositoryOf = (at: number) => repositories[at % repositories.length] ?? ''
  for (let at = 0; at < size.singles; at += 1) {
    const image = single(`${seed} single ${at}`, at)
    const repository = repositoryOf(at)
    add(repository, image)
    // Every tenth has lost its tag.
    const tag = at % 10 === 9 ? null : `1.${at}`
    waves[0]?.push({ repository, tag, manifest: image.manifest })
  }
  for (let at = 0; at < size.indexes; at += 1) {
    const repository = repositoryOf(at)
    const platforms = ['amd64', 'arm64'].map((name) => single(`${seed} ${name} ${at}`, at))
    for (const image of platforms) {
      add(repository, image)
      waves[0]?.push({ repository, tag: null, manifest: image.manifest })
    }
    const top = index(platforms.map(({ manifest }) => descriptor(manifest)))
    const signature = artifact(`${seed} signature ${at}`, 'application/x-signature', {
      subject: descriptor(top),
    })
    add(repository, signature)
    referrers.set(top.digest, signature.manifest.digest)
    waves[1]?.push({ repository, tag: `multi-${at}`, manifest: top })
    waves[2]?.push({ repository, tag: null, manifest: signature.manifest })
    const list = index([descriptor(signature.manifest)])
    waves[3]?.push({ repository, tag: top.digest.replace(':', '-'), manifest: list })
  }
  return {
    ...{ repositories, waves, referrers },
    blobs: new Map([...blobs].map(([name, each]) => [name, [...each.values()]])),
  }
}

function imageOf(name: string, layers: readonly Content[]): Image {
  const config = contentOf(JSON.stringify({ architecture: 'amd64', os: 'linux', name }))
  const manifest = manifestOf({
    schemaVersion: 2,
    mediaType: mediaTypes.image,
    config: descriptor(config, mediaTypes.config),
    layers: layers.map((layer) => descriptor(layer, mediaTypes.gzipLayer)),
  })
  return { manifest, config, layers, blobs: [config, ...layers] }
}

/** All of them by name and tag, or digest. */
export function pulledOf({ waves }: Fleet, feed: string) {
  return waves.flat().map(({ repository, tag, manifest }) => ({
    name: `${feed}/${repository}`,
    ...{ reference: tag ?? manifest.digest, manifest },
  }))
}

/** Into a registry that asks for nothing. */
export async function pushFleet(url: string, fleet: Fleet): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })
  const client = { url, agent }
  const placed = new Map<string, string>()
  for (const repository of fleet.repositories) {
    await inParallel(fleet.blobs.get(repository) ?? [], async (content) => {
      await pushBlob(client, repository, content, placed.get(content.digest))
      placed.set(content.digest, repository)
    })
  }
  for (const wave of fleet.waves) {
    await inParallel(wave, async ({ repository, tag, manifest }) => {
      const reply = await ask(client, {
        method: 'PUT',
        path: `/v2/${repository}/manifests/${tag ?? manifest.digest}`,
        headers: { 'content-type': manifest.mediaType },
        body: manifest.bytes,
      })
      expect(reply.status, reply.body.toString()).toBe(201)
    })
  }
  agent.destroy()
}

async function pushBlob(
  client: RegistryClient,
  repository: string,
  content: Content,
  from: string | undefined,
): Promise<void> {
  const { digest } = content
  const mount = from === undefined ? '' : `?mount=${digest}&from=${from}`
  const start = await ask(client, {
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/${mount}`,
  })
  if (start.status === 201) return
  const location = new URL(start.headers.location ?? '', client.url)
  location.searchParams.set('digest', digest)
  const path = location.pathname + location.search
  const headers = { 'content-type': 'application/octet-stream' }
  const reply = await ask(client, { method: 'PUT', path, headers, body: content.bytes })
  expect(reply.status, reply.body.toString()).toBe(201)
}
