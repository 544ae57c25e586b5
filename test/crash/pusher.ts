import type { Random } from '../support/random.ts'
import { sha256 } from '../support/registry-client.ts'
import { pushBlob } from './blob-pushes.ts'
import type { LayerPool } from './layers.ts'
import {
  beginMove,
  count,
  forgetMove,
  type Ledger,
  type ManifestEntry,
  type OpenUpload,
  repositoryOf,
  type TagPlace,
} from './ledger.ts'
import { demand, expectDigest, type Life, ServerGone } from './life.ts'
import { cancelPieces, continuePieces, startPieces } from './piecewise-uploads.ts'

export const imageType = 'application/vnd.oci.image.manifest.v1+json'
export const indexType = 'application/vnd.oci.image.index.v1+json'
const configType = 'application/vnd.oci.image.config.v1+json'
const layerType = 'application/vnd.oci.image.layer.v1.tar'

/** A client that pushes, moves tags and deletes, and writes down what it is told. */
export interface Pusher {
  readonly number: number
  readonly random: Random
  readonly ledger: Ledger
  readonly pool: LayerPool
  readonly repositories: readonly string[]
  /** Manifests that only this client names, deletes or pushes again. */
  readonly own: OwnManifest[]
  /** Uploads it means to go on with. */
  readonly uploads: OpenUpload[]
  serial: number
}

interface OwnManifest {
  readonly repository: string
  readonly digest: string
  /** Tags that others move, or an index: it stays. */
  pinned: boolean
}

/** Works until the server is gone. Any other surprise is a fault. */
export async function pushUntilKilled(pusher: Pusher, life: Life): Promise<void> {
  try {
    while (!life.killed && pusher.ledger.faults.length === 0) await doSomething(pusher, life)
  } catch (error) {
    if (error instanceof ServerGone) return
    pusher.ledger.faults.push(`client ${pusher.number}: ${String(error)}`)
  }
}

type Action = (pusher: Pusher, life: Life) => Promise<void>

const actions: readonly (readonly [weight: number, name: string, action: Action])[] = [
  [10, 'image', pushImage],
  [2, 'index', pushIndex],
  [3, 'start upload', startPieces],
  [4, 'continue upload', continuePieces],
  [1, 'cancel upload', cancelPieces],
  [3, 'move tag', moveOwnTag],
  [2, 'delete tag', deleteOwnTag],
  [2, 'delete manifest', deleteOwnManifest],
  [1, 'push again', pushDeletedAgain],
]

async function doSomething(pusher: Pusher, life: Life): Promise<void> {
  const total = actions.reduce((sum, [weight]) => sum + weight, 0)
  let ticket = pusher.random.between(1, total)
  for (const [weight, name, action] of actions) {
    ticket -= weight
    if (ticket > 0) continue
    await action(pusher, life)
    count(pusher.ledger, name)
    return
  }
}

async function pushImage(pusher: Pusher, life: Life): Promise<void> {
  const { random, pool, ledger } = pusher
  const repository = random.pick(pusher.repositories)
  const layers = Array.from({ length: random.between(1, 3) }, () => pool.pick(random))
  for (const digest of layers) {
    await pushBlob(pusher, life, { repository, digest, content: pool.contentOf(digest) })
  }
  pusher.serial += 1
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: layers },
      author: `${pusher.number}/${pusher.serial}`,
    }),
  )
  const configDigest = sha256(config)
  await pushBlob(pusher, life, { repository, digest: configDigest, content: config })
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: imageType,
      config: { mediaType: configType, digest: configDigest, size: config.byteLength },
      layers: layers.map((digest) => ({
        mediaType: layerType,
        digest,
        size: pool.contentOf(digest).byteLength,
      })),
    }),
  )
  const entry: ManifestEntry = {
    content,
    mediaType: imageType,
    blobs: [configDigest, ...layers],
    children: [],
    state: 'sent',
  }
  const digest = sha256(content)
  repositoryOf(ledger, repository).manifests.set(digest, entry)
  const own = { repository, digest, pinned: false }
  pusher.own.push(own)
  const style = random.between(1, 4)
  if (style === 1) return putByDigest(life, { ...own, entry }, '')
  if (style === 2) return putManyTags(pusher, life, { ...own, entry })
  // A tag that all clients move: this manifest stays, so that nobody pulls the tag away.
  own.pinned = style === 3
  const tag = own.pinned ? `shared-${random.between(1, 2)}` : ownTag(pusher)
  await putByTag(pusher, life, { ...own, entry, tag })
}

async function pushIndex(pusher: Pusher, life: Life): Promise<void> {
  const { random, ledger } = pusher
  const repository = random.pick(pusher.repositories)
  const { manifests } = repositoryOf(ledger, repository)
  const images = pusher.own.filter((own) => {
    const entry = manifests.get(own.digest)
    const isImage = entry?.state === 'acknowledged' && entry.mediaType === imageType
    return own.repository === repository && isImage
  })
  if (images.length < 2) return
  const children = [random.pick(images), random.pick(images)]
  for (const child of children) child.pinned = true
  pusher.serial += 1
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: indexType,
      manifests: children.map(({ digest }) => ({
        mediaType: imageType,
        digest,
        size: manifests.get(digest)?.content.byteLength,
      })),
      annotations: { serial: `${pusher.number}/${pusher.serial}` },
    }),
  )
  const digest = sha256(content)
  const digests = children.map((child) => child.digest)
  const entry: ManifestEntry = {
    content,
    mediaType: indexType,
    blobs: [],
    children: digests,
    state: 'sent',
  }
  manifests.set(digest, entry)
  pusher.own.push({ repository, digest, pinned: false })
  await putByTag(pusher, life, { repository, digest, entry, tag: ownTag(pusher) })
}

interface ManifestPush {
  readonly repository: string
  readonly digest: string
  readonly entry: ManifestEntry
}

async function putByDigest(life: Life, push: ManifestPush, query: string): Promise<void> {
  const reply = await demand(
    life,
    {
      method: 'PUT',
      path: `/v2/${push.repository}/manifests/${push.digest}${query}`,
      headers: { 'content-type': push.entry.mediaType },
      body: push.entry.content,
    },
    [201],
  )
  expectDigest(reply, push.digest)
  push.entry.state = 'acknowledged'
}

async function putManyTags(pusher: Pusher, life: Life, push: ManifestPush): Promise<void> {
  const { ledger, random } = pusher
  const { repository } = push
  const tags = [...new Set([ownTag(pusher), `own-${pusher.number}-${random.between(1, 3)}`])]
  const moves = tags.map((tag) => beginMove(ledger, { repository, tag }, push.digest))
  await putByDigest(life, push, `?${tags.map((tag) => `tag=${tag}`).join('&')}`)
  const heardAt = ledger.tick()
  for (const move of moves) move.heardAt = heardAt
}

interface TagPush extends ManifestPush {
  readonly tag: string
}

async function putByTag(pusher: Pusher, life: Life, push: TagPush): Promise<void> {
  const move = beginMove(pusher.ledger, push, push.digest)
  const reply = await demand(
    life,
    {
      method: 'PUT',
      path: `/v2/${push.repository}/manifests/${push.tag}`,
      headers: { 'content-type': push.entry.mediaType },
      body: push.entry.content,
    },
    [201],
  )
  expectDigest(reply, push.digest)
  move.heardAt = pusher.ledger.tick()
  push.entry.state = 'acknowledged'
}

async function moveOwnTag(pusher: Pusher, life: Life): Promise<void> {
  const own = pickOwn(pusher, 'acknowledged')
  if (own === undefined) return
  const entry = manifestOf(pusher, own)
  await putByTag(pusher, life, { ...own, entry, tag: ownTag(pusher) })
}

async function deleteOwnTag(pusher: Pusher, life: Life): Promise<void> {
  const where: TagPlace = {
    repository: pusher.random.pick(pusher.repositories),
    tag: ownTag(pusher),
  }
  const move = beginMove(pusher.ledger, where, null)
  const path = `/v2/${where.repository}/manifests/${where.tag}`
  const reply = await demand(life, { method: 'DELETE', path }, [202, 404])
  if (reply.status === 202) {
    move.heardAt = pusher.ledger.tick()
    return
  }
  forgetMove(pusher.ledger, where, move)
}

async function deleteOwnManifest(pusher: Pusher, life: Life): Promise<void> {
  const own = pickOwn(pusher, 'acknowledged')
  if (own === undefined || own.pinned) return
  const { ledger } = pusher
  const { repository, digest } = own
  const entry = manifestOf(pusher, own)
  // Its tags go with it. They are this client's, which does one thing at a time.
  const places = ownTags(pusher)
    .map((tag) => ({ repository, tag }))
    .filter(({ tag }) => lastDigest(pusher, { repository, tag }) === digest)
  const moves = places.map((where) => beginMove(ledger, where, null))
  entry.state = 'deleting'
  const path = `/v2/${repository}/manifests/${digest}`
  await demand(life, { method: 'DELETE', path }, [202])
  entry.state = 'deleted'
  const heardAt = ledger.tick()
  for (const move of moves) move.heardAt = heardAt
}

async function pushDeletedAgain(pusher: Pusher, life: Life): Promise<void> {
  const own = pickOwn(pusher, 'deleted')
  if (own === undefined) return
  const entry = manifestOf(pusher, own)
  if (entry.mediaType !== imageType) return
  entry.state = 'sent'
  await putByDigest(life, { ...own, entry }, '')
}

function lastDigest(pusher: Pusher, where: TagPlace): string | null {
  const moves = repositoryOf(pusher.ledger, where.repository).tags.get(where.tag)
  return moves?.at(-1)?.digest ?? null
}

function pickOwn(pusher: Pusher, state: ManifestEntry['state']): OwnManifest | undefined {
  const own = pusher.own.filter((item) => manifestOf(pusher, item).state === state)
  return own.length === 0 ? undefined : pusher.random.pick(own)
}

function manifestOf(pusher: Pusher, own: OwnManifest): ManifestEntry {
  const entry = repositoryOf(pusher.ledger, own.repository).manifests.get(own.digest)
  if (entry === undefined) throw new Error(`no manifest ${own.digest}`)
  return entry
}

function ownTags(pusher: Pusher): string[] {
  return [1, 2, 3].map((number) => `own-${pusher.number}-${number}`)
}

function ownTag(pusher: Pusher): string {
  return pusher.random.pick(ownTags(pusher))
}
