import { createHash } from 'node:crypto'
import type { Random } from '../support/random.ts'
import { locationOf, sha256, withQuery } from '../support/registry-client.ts'
import { count, demand, type World } from './world.ts'

/** Layers that all clients share. */
export interface LayerPool {
  readonly digests: readonly string[]
  contentOf(digest: string): Buffer
}

export function makeLayers(seed: number, howMany: number): LayerPool {
  const contents = new Map<string, Buffer>()
  for (let at = 0; at < howMany; at += 1) {
    const size = at % 8 === 0 ? 200_000 : 300 + at
    const content = createHash('shake256', { outputLength: size }).update(`${seed} ${at}`).digest()
    contents.set(sha256(content), content)
  }
  return {
    digests: [...contents.keys()],
    contentOf(digest) {
      const content = contents.get(digest)
      if (!content) throw new Error(`no layer ${digest}`)
      return content
    },
  }
}

export interface BlobPush {
  readonly repository: string
  readonly digest: string
  readonly content: Buffer
}

/** Sees that the repository has the blob, as clients do; when it was promised, at the latest. */
export async function ensureBlob(world: World, random: Random, push: BlobPush): Promise<number> {
  const sentAt = performance.now()
  const path = `/v2/${push.repository}/blobs/${push.digest}`
  if (random.chance(0.8)) {
    const head = await demand(world, { method: 'HEAD', path }, [200, 404])
    count(world, `HEAD blob ${head.status}`)
    if (head.status === 200) return sentAt
  }
  return upload(world, random, push)
}

async function upload(world: World, random: Random, push: BlobPush): Promise<number> {
  const { repository, digest, content } = push
  const uploads = `/v2/${repository}/blobs/uploads/`
  const sentAt = performance.now()
  if (random.chance(0.3)) {
    const from = random.pick(world.repositories)
    const path = `${uploads}?mount=${digest}&from=${encodeURIComponent(from)}`
    const reply = await demand(world, { method: 'POST', path }, [201, 202])
    count(world, `mount ${reply.status}`)
    if (reply.status === 201) return sentAt
    return finish(world, locationOf(reply, 'mount'), push)
  }
  if (random.chance(0.4)) {
    const path = `${uploads}?digest=${digest}`
    await demand(world, { method: 'POST', path, body: content }, [201])
    count(world, 'push whole')
    return sentAt
  }
  const begun = await demand(world, { method: 'POST', path: uploads }, [202])
  let location = locationOf(begun, 'POST')
  if (random.chance(0.5)) {
    const path = location
    const patched = await demand(world, { method: 'PATCH', path, body: content }, [202])
    location = locationOf(patched, 'PATCH')
    return finish(world, location, { ...push, content: Buffer.alloc(0) })
  }
  return finish(world, location, push)
}

async function finish(world: World, location: string, push: BlobPush): Promise<number> {
  const sentAt = performance.now()
  const path = withQuery(location, 'digest', push.digest)
  await demand(world, { method: 'PUT', path, body: push.content }, [201])
  count(world, 'push in pieces')
  return sentAt
}
