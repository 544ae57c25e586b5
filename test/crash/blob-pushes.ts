import type { Random } from '../support/random.ts'
import { locationOf, type Reply, sha256, withQuery } from '../support/registry-client.ts'
import { type ContentState, count, type Ledger, noteBlob, repositoryOf } from './ledger.ts'
import { demand, expectDigest, type Life } from './life.ts'

export interface BlobPush {
  readonly repository: string
  readonly digest: string
  readonly content: Buffer
}

export interface BlobPusher {
  readonly random: Random
  readonly ledger: Ledger
  readonly repositories: readonly string[]
}

/** Has the blob in the repository, in one of the ways that real clients use. */
export async function pushBlob(pusher: BlobPusher, life: Life, push: BlobPush): Promise<void> {
  if (await isThere(pusher, life, push)) return
  const source = pusher.repositories.find(
    (name) => repositoryOf(pusher.ledger, name).blobs.get(push.digest) === 'acknowledged',
  )
  if (source !== undefined && source !== push.repository && pusher.random.chance(0.7)) {
    await mount(pusher, life, { ...push, source })
  } else {
    await pusher.random.pick(uploads)(pusher, life, push)
  }
  note(pusher, push, 'acknowledged')
  if (pusher.random.chance(0.1)) await readBack(life, push)
}

async function isThere(pusher: BlobPusher, life: Life, push: BlobPush): Promise<boolean> {
  const repository = repositoryOf(pusher.ledger, push.repository)
  const before = repository.blobs.get(push.digest)
  const path = blobPath(push)
  const reply = await demand(life, { method: 'HEAD', path }, [200, 404])
  if (reply.status === 404) {
    if (before === 'acknowledged') throw new Error(`HEAD ${path}: 404 for what was acknowledged`)
    return false
  }
  const now = repository.blobs.get(push.digest)
  if (now !== 'sent' && now !== 'acknowledged') {
    throw new Error(`HEAD ${path}: 200, and nobody has completed it in this repository`)
  }
  if (reply.headers['content-length'] !== `${push.content.byteLength}`) {
    throw new Error(`HEAD ${path}: ${reply.headers['content-length']} bytes`)
  }
  note(pusher, push, 'acknowledged')
  return true
}

type Upload = (pusher: BlobPusher, life: Life, push: BlobPush) => Promise<void>

async function mount(pusher: BlobPusher, life: Life, push: BlobPush & { source: string }) {
  note(pusher, push, 'sent')
  const query = `?mount=${encodeURIComponent(push.digest)}&from=${encodeURIComponent(push.source)}`
  const reply = await demand(life, { method: 'POST', path: uploadsPath(push) + query }, [201])
  expectDigest(reply, push.digest)
  const [from, to] = [push.source, push.repository].map((name) => name.split('/')[0])
  count(pusher.ledger, from === to ? 'mount' : 'mount from another feed')
}

async function uploadInOneRequest(pusher: BlobPusher, life: Life, push: BlobPush) {
  note(pusher, push, 'sent')
  const path = withQuery(uploadsPath(push), 'digest', push.digest)
  const reply = await demand(life, { method: 'POST', path, body: push.content }, [201])
  expectDigest(reply, push.digest)
}

async function uploadInTheClosingPut(pusher: BlobPusher, life: Life, push: BlobPush) {
  const start = await demand(life, { method: 'POST', path: uploadsPath(push) }, [202])
  await close(pusher, life, { ...push, start, rest: push.content })
}

/** As the Docker Engine does: one PATCH, chunked, and an empty PUT. */
async function uploadInOnePatch(pusher: BlobPusher, life: Life, push: BlobPush) {
  const start = await demand(life, { method: 'POST', path: uploadsPath(push) }, [202])
  const path = locationOf(start, 'POST')
  const half = push.content.byteLength >> 1
  note(pusher, push, 'staged')
  const body = [push.content.subarray(0, half), push.content.subarray(half)]
  const patched = await demand(life, { method: 'PATCH', path, body }, [202])
  await close(pusher, life, { ...push, start: patched, rest: Buffer.alloc(0) })
}

async function uploadInPatchAndPut(pusher: BlobPusher, life: Life, push: BlobPush) {
  const start = await demand(life, { method: 'POST', path: uploadsPath(push) }, [202])
  const path = locationOf(start, 'POST')
  const half = push.content.byteLength >> 1
  note(pusher, push, 'staged')
  const body = push.content.subarray(0, half)
  const headers = { 'content-range': `0-${half - 1}` }
  const patched = await demand(life, { method: 'PATCH', path, body, headers }, [202])
  await close(pusher, life, { ...push, start: patched, rest: push.content.subarray(half) })
}

const uploads: readonly Upload[] = [
  uploadInOneRequest,
  uploadInTheClosingPut,
  uploadInOnePatch,
  uploadInPatchAndPut,
]

async function close(
  pusher: BlobPusher,
  life: Life,
  push: BlobPush & { readonly start: Reply; readonly rest: Buffer },
): Promise<void> {
  note(pusher, push, 'sent')
  const path = withQuery(locationOf(push.start, 'upload'), 'digest', push.digest)
  const reply = await demand(life, { method: 'PUT', path, body: push.rest }, [201])
  expectDigest(reply, push.digest)
}

async function readBack(life: Life, push: BlobPush): Promise<void> {
  const path = blobPath(push)
  const reply = await demand(life, { method: 'GET', path }, [200])
  if (reply.complete && sha256(reply.body) !== push.digest) {
    throw new Error(`GET ${path}: other bytes than were pushed`)
  }
}

function note(pusher: BlobPusher, push: BlobPush, state: ContentState): void {
  const { repository, digest, content } = push
  noteBlob(repositoryOf(pusher.ledger, repository), digest, { state, content })
}

function blobPath(push: BlobPush): string {
  return `/v2/${push.repository}/blobs/${push.digest}`
}

export function uploadsPath(push: { readonly repository: string }): string {
  return `/v2/${push.repository}/blobs/uploads/`
}
