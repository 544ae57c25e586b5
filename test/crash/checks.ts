import { locationOf, type Reply } from '../support/registry-client.ts'
import { uploadsPath } from './blob-pushes.ts'
import {
  type ContentState,
  type Ledger,
  noteBlob,
  noteManifest,
  type OpenUpload,
  repositoryOf,
} from './ledger.ts'
import { demand, type Life } from './life.ts'
import { type Content, forEach, type Look, pathOf, read } from './look.ts'
import { forgetUpload } from './piecewise-uploads.ts'
import type { Pusher } from './pusher.ts'
import { checkTags } from './tag-checks.ts'

export interface Check {
  readonly ledger: Ledger
  readonly pushers: readonly Pusher[]
  /** Everything is looked at, and not only what was touched since the last look. */
  readonly whole: boolean
  /** Of what was not touched, these are looked at besides. */
  readonly pickOld: (digests: readonly string[]) => readonly string[]
}

/** Looks at a server that was killed and is back, with nobody else about. */
export async function checkPromises(check: Check, life: Life): Promise<void> {
  const look: Look = { ledger: check.ledger, life, read: new Set() }
  await forEach(look, check.ledger.uploads, (upload) => resume(check, life, upload))
  for (const [name, repository] of check.ledger.repositories) {
    const { blobs, manifests, unlooked } = repository
    const all = [...blobs.keys(), ...manifests.keys()]
    const digests = check.whole ? all : [...unlooked, ...check.pickOld(all)]
    await forEach(look, new Set(digests), (digest) => {
      const kind = manifests.has(digest) ? 'manifests' : 'blobs'
      return checkContent(look, { kind, repository: name, digest })
    })
    unlooked.clear()
  }
  await checkTags(look, check.whole)
}

async function resume(check: Check, life: Life, upload: OpenUpload): Promise<void> {
  const what = `upload ${upload.location} of ${upload.acknowledgedBytes} acknowledged bytes`
  const reply = await demand(life, { method: 'GET', path: upload.location }, [204, 404])
  if (reply.status === 404) {
    const pusher = check.pushers.find((other) => other.uploads.includes(upload))
    forgetUpload({ ledger: check.ledger, uploads: pusher?.uploads ?? [] }, upload)
    if (upload.closing) {
      // Gone since it was completed, then, and not merely gone.
      const repository = repositoryOf(check.ledger, upload.repository)
      noteBlob(repository, upload.digest, { state: 'acknowledged' })
      return
    }
    if (!upload.cancelling) throw new Error(`${what} is gone`)
    return
  }
  const offset = offsetOf(reply)
  if (offset < upload.acknowledgedBytes || offset > upload.sentBytes) {
    throw new Error(`${what}, ${upload.sentBytes} sent: ${offset} are there`)
  }
  upload.acknowledgedBytes = offset
  upload.sentBytes = offset
  upload.location = locationOf(reply, 'GET upload')
  // What was not answered has not happened: the upload is still open.
  upload.closing = false
  upload.cancelling = false
}

/** `Range: 0-0` is also what an empty upload says; pieces of this test are longer than a byte. */
function offsetOf(reply: Reply): number {
  const last = Number(/^0-(\d+)$/.exec(reply.headers.range ?? '')?.[1] ?? Number.NaN)
  return last === 0 ? 0 : last + 1
}

async function checkContent(look: Look, content: Content): Promise<void> {
  const state = stateOf(look.ledger, content)
  const path = pathOf(content)
  const head = await demand(look.life, { method: 'HEAD', path }, [200, 404])
  const reply = await read(look, content, [200, 404])
  if (head.status !== reply.status) {
    throw new Error(`${path}: HEAD says ${head.status}, GET ${reply.status}`)
  }
  const there = reply.status === 200
  if (there && head.headers['content-length'] !== `${reply.bodyBytes}`) {
    throw new Error(`HEAD ${path}: ${head.headers['content-length']} bytes, not ${reply.bodyBytes}`)
  }
  if (!there && state === 'acknowledged') throw new Error(`GET ${path}: 404, yet acknowledged`)
  if (there && state === 'staged') throw new Error(`GET ${path}: served, yet never completed`)
  if (there && state === 'deleted') throw new Error(`GET ${path}: served, yet deleted`)
  settle(look.ledger, content, there)
  if (content.kind === 'blobs' && !there) await pushAgain(look, content)
}

function stateOf(ledger: Ledger, { kind, repository, digest }: Content): ContentState | undefined {
  const { blobs, manifests } = repositoryOf(ledger, repository)
  return kind === 'blobs' ? blobs.get(digest) : manifests.get(digest)?.state
}

/** What a restarted server shows is on its disk: from now on it is a promise like any other. */
function settle(ledger: Ledger, { kind, repository: name, digest }: Content, there: boolean): void {
  const repository = repositoryOf(ledger, name)
  if (kind === 'manifests') {
    noteManifest(repository, digest, there ? 'acknowledged' : 'deleted')
  } else if (there) {
    noteBlob(repository, digest, { state: 'acknowledged' })
  } else if (repository.blobs.get(digest) === 'deleting') {
    noteBlob(repository, digest, { state: 'deleted' })
  }
}

/** The next push of a layer whose last one was cut off has to work. */
async function pushAgain(look: Look, content: Content): Promise<void> {
  const repository = repositoryOf(look.ledger, content.repository)
  const body = repository.unanswered.get(content.digest)
  if (body === undefined) return
  const path = `${uploadsPath(content)}?digest=${content.digest}`
  await demand(look.life, { method: 'POST', path, body }, [201])
  await read(look, content, [200])
  noteBlob(repository, content.digest, { state: 'acknowledged' })
}
