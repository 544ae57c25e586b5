import { cleanBlobs } from '../../server/db/blob-cleanup.ts'
import { mountBlob } from '../../server/db/blobs.ts'
import { keepUploadAlive, needsKeepAlive } from '../../server/db/keep-alive.ts'
import { cleanLinks } from '../../server/db/link-cleanup.ts'
import { deleteLink, findPromise, promiseBlob } from '../../server/db/links.ts'
import { deleteManifest } from '../../server/db/manifest-deletion.ts'
import { type ManifestPush, putManifest } from '../../server/db/manifest-push.ts'
import { findManifestByDigest, needsPromise, promiseManifest } from '../../server/db/manifests.ts'
import { cleanOrphans } from '../../server/db/orphan-cleanup.ts'
import { createTag, deleteTag } from '../../server/db/tags.ts'
import { purgeIdle, purgeUpload } from '../../server/db/upload-purge.ts'
import { advanceUpload, claimUpload, commitUpload, insertUpload } from '../../server/db/uploads.ts'
import { isRefusal } from '../../server/domain/errors.ts'
import type { Outcome } from '../support/content-model.ts'
import { digestFor } from '../support/database-content.ts'
import type { Caller } from './caller.ts'
import { graceMs, type Place, type Stage } from './stage.ts'

/** Content of a repository, by name. */
export interface Named {
  readonly in: 'app' | 'lib'
  readonly kind: 'link' | 'manifest'
  readonly name: string
}

/** What one request does to the database, as the core does it. */
export interface Operation {
  readonly name: string
  readonly run: (caller: Caller, stage: Stage, who: number) => Promise<Outcome>
  /** What the client may count on for the grace time, once it was told yes. */
  readonly promises: readonly Named[]
  /** What is gone, once it was told yes. */
  readonly deletes: readonly Named[]
  /** Rows that others may want too: content, tags and uploads, but not what nearly all refer to. */
  readonly touches: readonly string[]
}

type Run = Operation['run']

function operation(name: string, run: Run, effects: Partial<Operation> = {}): Operation {
  const { promises = [], deletes = [], touches = [] } = effects
  const named = [...promises, ...deletes].map((each) => each.name)
  const own = [...named, ...touches].filter((each) => each !== 'config' && each !== 'shared')
  return { name, run, promises, deletes, touches: own }
}

const link = (place: Named['in'], name: string): Named => ({ in: place, kind: 'link', name })
const manifest = (place: Named['in'], name: string): Named => ({
  ...{ in: place, kind: 'manifest', name },
})

/** As in registry/blobs.ts. */
function headBlob(place: Named['in'], name: string): Operation {
  const run: Run = async (caller, stage) => {
    const key = { repositoryId: stage[place].id, digest: digestFor(name) }
    const found = await caller.read((db) => findPromise(db, key, graceMs))
    return found !== undefined && (found.fresh || caller.write(promiseBlob, { ...key, graceMs }))
  }
  return operation(`HEAD blob ${name} of ${place}`, run, { promises: [link(place, name)] })
}

/** As in registry/manifests.ts. */
function headManifest(name: string): Operation {
  const run: Run = async (caller, { app }) => {
    const key = { feedId: app.feedId, repository: app.name, digest: digestFor(name) }
    const found = await caller.read((db) => findManifestByDigest(db, key))
    if (!found) return false
    return !needsPromise(found, graceMs) || caller.write(promiseManifest, { id: found.id, graceMs })
  }
  return operation(`HEAD manifest ${name}`, run, { promises: [manifest('app', name)] })
}

function mount(name: string, from: Named['in'], to: Named['in']): Operation {
  const run: Run = async (caller, stage) => {
    const target = { feedId: stage[to].feedId, repository: stage[to].name }
    const input = { ...target, storeId: stage.content.storeId, digest: digestFor(name), graceMs }
    const source = stage[from].id
    try {
      return await caller.write(mountBlob, { ...input, sourceRepositoryId: source })
    } catch (error) {
      // As in registry/blobs.ts: it has to be uploaded.
      if (isRefusal(error, 'BLOB_UNKNOWN')) return false
      throw error
    }
  }
  return operation(`mount ${name} from ${from} to ${to}`, run, { promises: [link(to, name)] })
}

/** To a repository that is not there yet. */
const post = operation(
  'POST upload',
  async (caller, stage, who) => {
    const id = `posted by ${who}`
    const { feedId } = stage.app
    await caller.write(insertUpload, {
      ...{ id, feedId, repository: 'new', storeId: stage.content.storeId, location: id },
      ...{ algorithm: 'sha256', by: 'ann' },
    })
    return 'begun'
  },
  { touches: ['new'] },
)

const patch = operation(
  'PATCH upload',
  async (caller, stage, who) => {
    const claimed = await caller.write(claimUpload, stage.upload)
    if (!claimed) return 'unknown'
    const digest = digestFor(`piece of ${who}`)
    stage.disk.set(claimed.location, digest)
    return caller.write(advanceUpload, { ...claimed, offsetBytes: 100 + who, digestSoFar: digest })
  },
  { touches: ['upload'] },
)

const keepAlive = operation(
  'keep-alive',
  async (caller, stage) => caller.write(keepUploadAlive, { ...stage.upload, graceMs }),
  { touches: ['upload', 'loose', 'orphan'] },
)

const cancel = operation(
  'DELETE upload',
  async (caller, stage) => {
    const purged = await caller.write(purgeUpload, stage.upload)
    if (purged) stage.disk.delete(purged.location)
    return purged !== undefined
  },
  { touches: ['upload'] },
)

/** Like registry/upload-session.ts: whoever wrote before has stopped when the claim is there. */
function putUpload(name: string): Operation {
  const run: Run = async (caller, stage) => {
    const claimed = await caller.write(claimUpload, stage.upload)
    if (!claimed) return 'unknown'
    const digest = digestFor(name)
    stage.disk.set(claimed.location, digest)
    const lease = { ...claimed, graceMs }
    if (await caller.read((db) => needsKeepAlive(db, lease))) {
      if (!(await caller.write(keepUploadAlive, lease))) return 'overtaken'
    }
    return caller.write(commitUpload, { ...lease, digest, sizeBytes: 7 })
  }
  return operation(`PUT upload as ${name}`, run, {
    ...{ promises: [link('app', name)], touches: ['upload'] },
  })
}

/** Its uploads are its own, so that two commits meet in the blob only. */
function pushBlob(name: string, to: Named['in']): Operation {
  const run: Run = async (caller, stage, who) => {
    const id = `pushed by ${who}`
    const { feedId, name: repository } = stage[to]
    const { storeId } = stage.content
    const begun = await caller.write(insertUpload, {
      ...{ id, feedId, repository, storeId, location: id, algorithm: 'sha256', by: 'ann' },
    })
    const claimed = await caller.write(claimUpload, begun)
    if (!claimed) return 'unknown'
    const digest = digestFor(name)
    stage.disk.set(id, digest)
    return caller.write(commitUpload, { ...claimed, digest, sizeBytes: 7, graceMs })
  }
  return operation(`push ${name} to ${to}`, run, { promises: [link(to, name)] })
}

interface Says {
  readonly config?: string
  readonly layers?: readonly string[]
  readonly children?: readonly string[]
  readonly subject?: string
  readonly tags?: readonly string[]
}

function putOf(place: Named['in'], name: string, says: Says): Operation {
  const run: Run = async (caller, stage) => {
    await caller.write(putManifest, pushOf(stage, stage[place], name, says))
    return 'accepted'
  }
  const blobs = [says.config ?? [], says.layers ?? []].flat()
  const promises = [
    manifest(place, name),
    // A sparse feed accepts a manifest without its blobs.
    ...(place === 'app' ? blobs.map((blob) => link(place, blob)) : []),
    ...(says.children ?? []).map((child) => manifest(place, child)),
  ]
  const touches = [...(says.tags ?? []), ...blobs, says.subject ?? name]
  return operation(`PUT manifest ${name} to ${place}`, run, { promises, touches })
}

export function pushOf(stage: Stage, to: Place, name: string, says: Says): ManifestPush {
  return stage.content.manifest(name, {
    ...{ feedId: to.feedId, repository: to.name, tags: says.tags ?? [] },
    config: says.config === undefined ? null : digestFor(says.config),
    layers: (says.layers ?? []).map(digestFor),
    children: (says.children ?? []).map(digestFor),
    subject: says.subject === undefined ? null : digestFor(says.subject),
  })
}

function tag(name: string, at: string): Operation {
  return operation(
    `tag ${at} as ${name}`,
    async (caller, { app }) => {
      const target = { repositoryId: app.id, tag: name, digest: digestFor(at) }
      return caller.write(createTag, { ...target, mayOverwrite: false, by: 'ann' })
    },
    { touches: [name, at] },
  )
}

function untag(name: string): Operation {
  return operation(
    `DELETE tag ${name}`,
    (caller, { app }) => caller.write(deleteTag, { repositoryId: app.id, tag: name, by: 'ann' }),
    { touches: [name] },
  )
}

function dropManifest(name: string, ...touches: readonly string[]): Operation {
  const run: Run = async (caller, { app }) => {
    const key = { repositoryId: app.id, digest: digestFor(name) }
    const dropped = await caller.write(deleteManifest, { ...key, graceMs, by: 'ann' })
    return dropped ? `deleted with ${dropped.tags.join()}` : undefined
  }
  return operation(`DELETE manifest ${name}`, run, { deletes: [manifest('app', name)], touches })
}

function dropBlob(place: Named['in'], name: string): Operation {
  const run: Run = (caller, stage) =>
    caller.write(deleteLink, {
      repositoryId: stage[place].id,
      digest: digestFor(name),
      by: 'Admin',
    })
  return operation(`DELETE blob ${name} of ${place}`, run, { deletes: [link(place, name)] })
}

/** Clean-up tells nobody anything: it may take nothing that somebody was promised. */
const pick = { graceMs, limit: 100, after: null }

const tidyLinks = operation(
  'clean links of app',
  async (caller, { app }) => {
    const { removed } = await caller.write(cleanLinks, { ...pick, repositoryId: app.id })
    return `cleaned ${removed.join()}`
  },
  { touches: ['stale', 'loose', 'clean-up'] },
)

const tidyOrphans = operation(
  'clean orphans of app',
  async (caller, { app }) => {
    const input = { ...pick, repositoryId: app.id, by: 'ann' }
    const { removed } = await caller.write(cleanOrphans, input)
    return `cleaned ${removed.join()}`
  },
  { touches: ['lost', 'orphan', 'clean-up'] },
)

const tidyBlobs = operation(
  'clean blobs',
  async (caller, { content }) => {
    const { removed } = await caller.write(cleanBlobs, { ...pick, storeId: content.storeId })
    return `cleaned ${removed.map(({ digest }) => digest).join()}`
  },
  { touches: ['bare', 'stale', 'clean-up'] },
)

const purge = operation(
  'purge uploads',
  async (caller, { disk }) => {
    const purged = await caller.write(purgeIdle, { idleMs: graceMs, limit: 100 })
    for (const { location } of purged) disk.delete(location)
    return `purged ${purged.length}`
  },
  { touches: ['upload', 'clean-up'] },
)

/** What callers do at the same time; together they meet in every row of the stage. */
export const operations: readonly Operation[] = [
  headBlob('app', 'loose'),
  headManifest('orphan'),
  mount('rare', 'lib', 'app'),
  mount('loose', 'app', 'lib'),
  post,
  patch,
  keepAlive,
  cancel,
  putUpload('loose'),
  pushBlob('rare', 'app'),
  pushBlob('loose', 'lib'),
  putOf('app', 'new image', { config: 'spare', layers: ['loose', 'shared'], tags: ['v1', 'v3'] }),
  putOf('app', 'image', { config: 'config', layers: ['shared'] }),
  putOf('app', 'new index', { children: ['child', 'orphan'], tags: ['latest'] }),
  putOf('app', 'new sig', { config: 'config', layers: ['rare'], subject: 'image' }),
  putOf('lib', 'sparse', { layers: ['loose', 'rare'], tags: ['v1'] }),
  tag('v2', 'orphan'),
  tag('v1', 'child'),
  untag('v1'),
  dropManifest('index', 'child', 'image', 'latest'),
  dropManifest('image', 'v1'),
  dropManifest('orphan'),
  dropBlob('app', 'loose'),
  dropBlob('lib', 'rare'),
  tidyLinks,
  tidyOrphans,
  tidyBlobs,
  purge,
  headBlob('app', 'stale'),
  headManifest('lost'),
  mount('stale', 'app', 'lib'),
  pushBlob('stale', 'lib'),
  pushBlob('bare', 'app'),
  putOf('app', 'uses stale', { config: 'config', layers: ['stale'] }),
  putOf('app', 'holds lost', { children: ['lost'] }),
  putOf('app', 'sig of lost', { config: 'config', subject: 'lost' }),
  tag('v4', 'lost'),
  dropBlob('app', 'stale'),
  dropManifest('lost'),
]

/** Whether the two may get into each other's way. */
export function doMeet(one: Operation, other: Operation): boolean {
  return one.touches.some((each) => other.touches.includes(each))
}
