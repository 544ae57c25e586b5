import { locationOf, type Reply, sha256 } from '../support/registry-client.ts'
import { type BlobPush, uploadsPath } from './blob-pushes.ts'
import type { LayerPool } from './layers.ts'
import {
  type ContentState,
  type Ledger,
  type ManifestEntry,
  type OpenUpload,
  possibleDigests,
  repositoryOf,
  settleTag,
} from './ledger.ts'
import { demand, type Life } from './life.ts'
import { forgetUpload } from './piecewise-uploads.ts'
import type { Pusher } from './pusher.ts'

/** What a check needs; `sample` old promises are looked at besides those of the last life. */
export interface Check {
  readonly ledger: Ledger
  readonly pushers: readonly Pusher[]
  readonly pool: LayerPool
  /** Says whether a promise made in an earlier life is looked at this time. */
  readonly looksAtOld: () => boolean
  /** What was already looked at in an earlier life: `repository@digest`. */
  readonly seen: Set<string>
}

const atOnce = 12

/** Looks at a server that was killed and is back, with nobody else about. */
export async function checkPromises(check: Check, life: Life): Promise<void> {
  await checkUploads(check, life)
  await checkContents(check, life, 'blobs')
  await checkContents(check, life, 'manifests')
  await checkTags(check, life)
  await checkCatalog(check, life)
}

async function checkUploads(check: Check, life: Life): Promise<void> {
  await forEach([...check.ledger.uploads], (upload) =>
    guard(check, () => resume(check, life, upload)),
  )
}

async function resume(check: Check, life: Life, upload: OpenUpload): Promise<void> {
  const what = `upload ${upload.location} of ${upload.acknowledgedBytes} acknowledged bytes`
  const reply = await demand(life, { method: 'GET', path: upload.location }, [204, 404])
  if (reply.status === 404) {
    const pusher = check.pushers.find((other) => other.uploads.includes(upload))
    if (pusher !== undefined) forgetUpload(pusher, upload)
    else check.ledger.uploads.delete(upload)
    if (upload.closing) {
      // Gone since it was completed, then, and not merely gone.
      repositoryOf(check.ledger, upload.repository).blobs.set(upload.digest, 'acknowledged')
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

async function checkContents(check: Check, life: Life, kind: 'blobs' | 'manifests'): Promise<void> {
  for (const [name, repository] of check.ledger.repositories) {
    const digests = [...repository[kind].keys()].filter((digest) => {
      const key = `${name}@${digest}`
      const state = stateOf(check.ledger, kind, { repository: name, digest })
      const settled = state === 'acknowledged' || state === 'deleted'
      return !settled || !check.seen.has(key) || check.looksAtOld()
    })
    await forEach(digests, (digest) =>
      guard(check, () => checkContent(check, life, { kind, repository: name, digest })),
    )
  }
}

interface Content {
  readonly kind: 'blobs' | 'manifests'
  readonly repository: string
  readonly digest: string
}

async function checkContent(check: Check, life: Life, content: Content): Promise<void> {
  const state = stateOf(check.ledger, content.kind, content)
  const path = `/v2/${content.repository}/${content.kind}/${content.digest}`
  const head = await demand(life, { method: 'HEAD', path }, [200, 404])
  const reply = await demand(life, { method: 'GET', path }, [200, 404])
  if (head.status !== reply.status) {
    throw new Error(`${path}: HEAD says ${head.status}, GET ${reply.status}`)
  }
  const there = reply.status === 200
  if (there && sha256(reply.body) !== content.digest) {
    throw new Error(`GET ${path}: other bytes, ${reply.bodyBytes} of them`)
  }
  if (there && head.headers['content-length'] !== `${reply.bodyBytes}`) {
    throw new Error(`HEAD ${path}: ${head.headers['content-length']} bytes, not ${reply.bodyBytes}`)
  }
  if (!there && state === 'acknowledged') throw new Error(`GET ${path}: 404, yet acknowledged`)
  if (there && state === 'staged') throw new Error(`GET ${path}: served, yet never completed`)
  if (there && state === 'deleted') throw new Error(`GET ${path}: served, yet deleted`)
  settleContent(check, content, there)
  check.seen.add(`${content.repository}@${content.digest}`)
  if (there || state !== 'sent' || content.kind === 'manifests') return
  await pushAgain(check, life, content)
}

function stateOf(
  ledger: Ledger,
  kind: Content['kind'],
  content: Pick<Content, 'repository' | 'digest'>,
): ContentState | undefined {
  const repository = repositoryOf(ledger, content.repository)
  if (kind === 'blobs') return repository.blobs.get(content.digest)
  return repository.manifests.get(content.digest)?.state
}

/** What a restarted server shows is on its disk: from now on it is a promise like any other. */
function settleContent(check: Check, content: Content, there: boolean): void {
  const repository = repositoryOf(check.ledger, content.repository)
  if (content.kind === 'blobs') {
    if (there) repository.blobs.set(content.digest, 'acknowledged')
    return
  }
  const entry = repository.manifests.get(content.digest)
  if (entry !== undefined) entry.state = there ? 'acknowledged' : 'deleted'
}

/** The next push of a layer whose last one was cut off has to work. */
async function pushAgain(check: Check, life: Life, content: Content): Promise<void> {
  const bytes = bytesOf(check, content)
  if (bytes === undefined) return
  const push: BlobPush = { ...content, content: bytes }
  const path = `${uploadsPath(push)}?digest=${content.digest}`
  await demand(life, { method: 'POST', path, body: push.content }, [201])
  const reply = await demand(
    life,
    { method: 'GET', path: `/v2/${content.repository}/blobs/${content.digest}` },
    [200],
  )
  if (sha256(reply.body) !== content.digest) throw new Error(`${path}: other bytes after a push`)
  repositoryOf(check.ledger, content.repository).blobs.set(content.digest, 'acknowledged')
}

function bytesOf(check: Check, content: Content): Buffer | undefined {
  const upload = [...check.ledger.uploads].find((other) => other.digest === content.digest)
  return upload?.content ?? check.pool.findContent(content.digest)
}

async function checkTags(check: Check, life: Life): Promise<void> {
  for (const [name, repository] of check.ledger.repositories) {
    const listed = new Set(await listTags(life, name))
    for (const tag of listed) {
      if (!repository.tags.has(tag)) check.ledger.faults.push(`${name}: nobody made the tag ${tag}`)
    }
    await forEach([...repository.tags.keys()], (tag) =>
      guard(check, () => checkTag(check, life, { repository: name, tag, listed: listed.has(tag) })),
    )
  }
}

interface SeenTag {
  readonly repository: string
  readonly tag: string
  readonly listed: boolean
}

async function checkTag(check: Check, life: Life, where: SeenTag): Promise<void> {
  const moves = repositoryOf(check.ledger, where.repository).tags.get(where.tag) ?? []
  const path = `/v2/${where.repository}/manifests/${where.tag}`
  const reply = await demand(life, { method: 'GET', path }, [200, 404])
  const seen = reply.status === 200 ? sha256(reply.body) : null
  if (where.listed !== (seen !== null)) {
    throw new Error(`${path}: ${reply.status}, but ${where.listed ? '' : 'not '}in the list`)
  }
  const possible = possibleDigests(moves)
  settleTag(check.ledger, where, seen)
  if (!possible.has(seen)) {
    throw new Error(
      `${path}: ${seen}, when it can only be ${[...possible].map(String).join(' or ')}`,
    )
  }
  if (seen !== null) await pullWhole(check, life, { repository: where.repository, digest: seen })
}

/** A manifest that is shown is complete: all that it refers to can be read and hashes right. */
async function pullWhole(
  check: Check,
  life: Life,
  image: { readonly repository: string; readonly digest: string },
): Promise<void> {
  const { manifests } = repositoryOf(check.ledger, image.repository)
  const entry: ManifestEntry | undefined = manifests.get(image.digest)
  if (entry === undefined) throw new Error(`${image.repository}: a strange image ${image.digest}`)
  const references = [
    ...entry.blobs.map((digest) => ({ kind: 'blobs', digest })),
    ...entry.children.map((digest) => ({ kind: 'manifests', digest })),
  ]
  for (const { kind, digest } of references) {
    const path = `/v2/${image.repository}/${kind}/${digest}`
    const reply = await demand(life, { method: 'GET', path }, [200])
    if (sha256(reply.body) !== digest) throw new Error(`GET ${path}: other bytes`)
  }
  for (const digest of entry.children) {
    await pullWhole(check, life, { repository: image.repository, digest })
  }
}

async function listTags(life: Life, repository: string): Promise<string[]> {
  const path = `/v2/${repository}/tags/list?n=5`
  return listPages(life, path, 'tags')
}

async function checkCatalog(check: Check, life: Life): Promise<void> {
  const listed = await listPages(life, '/v2/_catalog?n=2', 'repositories')
  for (const [name, { manifests }] of check.ledger.repositories) {
    const filled = [...manifests.values()].some((entry) => entry.state === 'acknowledged')
    if (filled && !listed.includes(name)) check.ledger.faults.push(`${name} is not in the catalog`)
  }
}

async function listPages(life: Life, path: string, field: string): Promise<string[]> {
  const reply = await demand(life, { method: 'GET', path }, [200, 404])
  if (reply.status === 404) return []
  const page: Record<string, unknown> = JSON.parse(reply.body.toString())
  const names: unknown = page[field]
  if (!Array.isArray(names)) throw new Error(`${path}: no ${field}`)
  const next = /^<([^>]+)>/.exec(reply.headers.link?.toString() ?? '')?.[1]
  const here = names.map(String)
  return next === undefined ? here : [...here, ...(await listPages(life, next, field))]
}

async function guard(check: Check, look: () => Promise<void>): Promise<void> {
  try {
    await look()
  } catch (error) {
    check.ledger.faults.push(error instanceof Error ? error.message : String(error))
  }
}

async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  const worker = async () => {
    for (const item of rest) await act(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
