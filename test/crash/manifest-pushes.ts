import { sha256 } from '../support/registry-client.ts'
import { pushBlob } from './blob-pushes.ts'
import {
  beginMove,
  type ManifestEntry,
  noteManifest,
  repositoryOf,
  type TagMove,
} from './ledger.ts'
import { demand, expectDigest, type Life } from './life.ts'
import { manifestOf, type OwnManifest, ownTag, type Pusher, pickOwn } from './pusher.ts'

const imageType = 'application/vnd.oci.image.manifest.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'
const configType = 'application/vnd.oci.image.config.v1+json'
const layerType = 'application/vnd.oci.image.layer.v1.tar'

interface ManifestPush {
  readonly repository: string
  readonly digest: string
  readonly entry: ManifestEntry
}

export async function pushImage(pusher: Pusher, life: Life): Promise<void> {
  const { random, pool } = pusher
  const repository = random.pick(pusher.repositories)
  const layers = Array.from({ length: random.between(1, 3) }, () => pool.pick(random))
  for (const digest of layers) {
    await pushBlob(pusher, life, { repository, digest, content: pool.contentOf(digest) })
  }
  pusher.serial += 1
  const config = jsonOf({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers },
    author: `${pusher.number}/${pusher.serial}`,
  })
  const configDigest = sha256(config)
  await pushBlob(pusher, life, { repository, digest: configDigest, content: config })
  const content = jsonOf({
    schemaVersion: 2,
    mediaType: imageType,
    config: { mediaType: configType, digest: configDigest, size: config.byteLength },
    layers: layers.map((digest) => ({
      mediaType: layerType,
      digest,
      size: pool.contentOf(digest).byteLength,
    })),
  })
  const { own, push } = begin(pusher, repository, {
    content,
    mediaType: imageType,
    blobs: [configDigest, ...layers],
    children: [],
    state: 'sent',
  })
  const style = random.between(1, 4)
  if (style === 1) return putByDigest(pusher, life, push)
  if (style === 2) return putManyTags(pusher, life, push)
  // A tag that all clients move: this manifest stays, so that nobody pulls the tag away.
  own.pinned = style === 3
  const tag = own.pinned ? `shared-${random.between(1, 2)}` : ownTag(pusher)
  await putByTag(pusher, life, { ...push, tag })
}

export async function pushIndex(pusher: Pusher, life: Life): Promise<void> {
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
  const content = jsonOf({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: children.map(({ digest }) => ({
      mediaType: imageType,
      digest,
      size: manifests.get(digest)?.content.byteLength,
    })),
    annotations: { serial: `${pusher.number}/${pusher.serial}` },
  })
  const { push } = begin(pusher, repository, {
    content,
    mediaType: indexType,
    blobs: [],
    children: children.map((child) => child.digest),
    state: 'sent',
  })
  await putByTag(pusher, life, { ...push, tag: ownTag(pusher) })
}

/** Writes down what is about to be sent. */
function begin(
  pusher: Pusher,
  repository: string,
  entry: ManifestEntry,
): { readonly own: OwnManifest; readonly push: ManifestPush } {
  const digest = sha256(entry.content)
  const ledger = repositoryOf(pusher.ledger, repository)
  ledger.manifests.set(digest, entry)
  noteManifest(ledger, digest, 'sent')
  const own = { repository, digest, pinned: false }
  pusher.own.push(own)
  return { own, push: { repository, digest, entry } }
}

async function putByDigest(
  pusher: Pusher,
  life: Life,
  push: ManifestPush,
  query = '',
): Promise<void> {
  await put(pusher, life, push, `${push.digest}${query}`)
}

async function putManyTags(pusher: Pusher, life: Life, push: ManifestPush): Promise<void> {
  const { repository } = push
  const tags = [...new Set([ownTag(pusher), ownTag(pusher)])]
  const moves = tags.map((tag) => beginMove(pusher.ledger, { repository, tag }, push.digest))
  await putByDigest(pusher, life, push, `?${tags.map((tag) => `tag=${tag}`).join('&')}`)
  hear(pusher, moves)
}

interface TagPush extends ManifestPush {
  readonly tag: string
}

async function putByTag(pusher: Pusher, life: Life, push: TagPush): Promise<void> {
  const move = beginMove(pusher.ledger, push, push.digest)
  await put(pusher, life, push, push.tag)
  hear(pusher, [move])
}

async function put(pusher: Pusher, life: Life, push: ManifestPush, target: string): Promise<void> {
  const reply = await demand(
    life,
    {
      method: 'PUT',
      path: `/v2/${push.repository}/manifests/${target}`,
      headers: { 'content-type': push.entry.mediaType },
      body: push.entry.content,
    },
    [201],
  )
  expectDigest(reply, push.digest)
  noteManifest(repositoryOf(pusher.ledger, push.repository), push.digest, 'acknowledged')
}

function hear(pusher: Pusher, moves: readonly TagMove[]): void {
  const heardAt = pusher.ledger.tick()
  for (const move of moves) move.heardAt = heardAt
}

export async function moveOwnTag(pusher: Pusher, life: Life): Promise<void> {
  const own = pickOwn(pusher, 'acknowledged')
  if (own === undefined) return
  const entry = manifestOf(pusher, own)
  await putByTag(pusher, life, { ...own, entry, tag: ownTag(pusher) })
}

export async function pushDeletedAgain(pusher: Pusher, life: Life): Promise<void> {
  const own = pickOwn(pusher, 'deleted')
  if (own === undefined) return
  const entry = manifestOf(pusher, own)
  if (entry.mediaType !== imageType) return
  noteManifest(repositoryOf(pusher.ledger, own.repository), own.digest, 'sent')
  await putByDigest(pusher, life, { ...own, entry })
}

function jsonOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
