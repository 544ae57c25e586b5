import { markDamaged, mountBlob } from '../../server/db/blobs.ts'
import { keepUploadAlive } from '../../server/db/keep-alive.ts'
import { deleteLink, promiseBlob } from '../../server/db/links.ts'
import { deleteManifest } from '../../server/db/manifest-deletion.ts'
import { putManifest } from '../../server/db/manifest-push.ts'
import { createTag, deleteTag } from '../../server/db/tags.ts'
import { claimUpload } from '../../server/db/uploads.ts'
import { RegistryError } from '../../server/domain/errors.ts'
import { type ModelManifest, type Outcome, refusal } from './content-model.ts'
import { type DatabaseContent, digestFor, hourMs } from './database-content.ts'
import type { Random } from './random.ts'

/** A repository for random operations. */
export interface OperationTarget {
  readonly name: string
  readonly id: number
  readonly feedId: number
}

/** Blobs and manifests that refer to each other without a circle. */
export interface OperationCast {
  readonly blobs: readonly string[]
  readonly manifests: Readonly<Record<string, ModelManifest>>
  readonly tags: readonly string[]
}

export function inventCast(random: Random): OperationCast {
  const blobs = Array.from({ length: 8 }, (_, i) => `blob ${i}`)
  const some = (of: readonly string[], low: number, high: number) => [
    ...new Set(Array.from({ length: random.between(low, high) }, () => random.pick(of))),
  ]
  const manifests: Record<string, ModelManifest> = {}
  for (let i = 0; i < 12; i += 1) {
    const earlier = Object.keys(manifests)
    const isIndex = i >= 6
    manifests[`manifest ${i}`] = {
      required: isIndex ? [] : some(blobs, 1, 3),
      optional: isIndex ? [] : some(blobs, 0, 2),
      children: isIndex ? [...some(earlier, 1, 3), ...some(blobs, 0, 1)] : [],
      subject: random.chance(0.3) ? `manifest ${(i + random.between(1, 11)) % 12}` : null,
    }
  }
  // Nothing keeps a client from pushing a manifest's bytes as a blob.
  const pushed = [...blobs, 'manifest 0', 'manifest 7']
  return { blobs: pushed, manifests, tags: ['latest', '1.0', '1.1', 'a-b', 'a.b'] }
}

/** The operations on a database, each with an outcome that can be compared with a model's. */
export function contentOperations(
  { db, storeId, ...content }: DatabaseContent,
  graceMs: number = hourMs,
) {
  const upload = (to: OperationTarget) =>
    content.startUpload({ repository: to.name, feedId: to.feedId, storeId })
  const lease = { graceMs, by: 'ann' }
  return {
    /** With keep-alive in the middle, as a slow upload has it. */
    commit: async (to: OperationTarget, blob: string) => {
      const started = await upload(to)
      const claimed = await db.write(claimUpload, started)
      if (!claimed) throw new Error('the upload is gone')
      await db.write(keepUploadAlive, { ...claimed, ...lease })
      const committed = content.commit(claimed, digestFor(blob), { graceMs })
      return { outcome: await outcomeOf(committed), location: claimed.location }
    },
    abandon: async (to: OperationTarget) => {
      await db.write(claimUpload, await upload(to))
    },
    mount: (to: OperationTarget, from: OperationTarget, blob: string) =>
      outcomeOf(
        db.write(mountBlob, {
          ...{ feedId: to.feedId, repository: to.name, sourceRepositoryId: from.id },
          ...{ storeId, digest: digestFor(blob), graceMs },
        }),
      ),
    promise: (to: OperationTarget, blob: string) =>
      outcomeOf(db.write(promiseBlob, { repositoryId: to.id, digest: digestFor(blob), graceMs })),
    damage: (location: string) => outcomeOf(db.write(markDamaged, { storeId, location })),
    put: (to: OperationTarget, name: string, says: ModelManifest, tags: readonly string[]) => {
      const [config, ...layers] = says.required.map(digestFor)
      const push = content.manifest(name, {
        ...{ feedId: to.feedId, repository: to.name, config: config ?? null, layers, tags },
        ...{ optional: says.optional.map(digestFor), children: says.children.map(digestFor) },
        graceMs,
        subject: says.subject === null ? null : digestFor(says.subject),
      })
      return outcomeOf(db.write(putManifest, push).then(() => undefined))
    },
    deleteManifest: async (to: OperationTarget, name: string) => {
      const key = { repositoryId: to.id, digest: digestFor(name) }
      return outcomeOf(
        db.write(deleteManifest, { ...key, ...lease }).then((deleted) => deleted?.tags.join()),
      )
    },
    deleteLink: (to: OperationTarget, blob: string) =>
      outcomeOf(db.write(deleteLink, { repositoryId: to.id, digest: digestFor(blob), by: 'test' })),
    createTag: (to: OperationTarget, tag: string, name: string) => {
      const target = { repositoryId: to.id, tag, digest: digestFor(name) }
      return outcomeOf(db.write(createTag, { ...target, mayOverwrite: false, by: 'ann' }))
    },
    deleteTag: (to: OperationTarget, tag: string) =>
      outcomeOf(db.write(deleteTag, { repositoryId: to.id, tag, by: 'ann' })),
  }
}

export async function outcomeOf(operation: Promise<Outcome>): Promise<Outcome> {
  try {
    return (await operation) ?? undefined
  } catch (error) {
    if (error instanceof RegistryError) return refusal(error.code)
    throw error
  }
}
