import type { deletions as routes } from '../../../contract/deletions.ts'
import { isRefusal } from '../../domain/errors.ts'
import { may, type Principal } from '../../domain/permission.ts'
import { type Deletion, previewDeletion } from '../../registry/deletions.ts'
import { type Leaving, measureFreed } from '../../registry/freed-bytes.ts'
import { runDeletion } from '../../registry/run-deletion.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { getPlace } from './place.ts'

export function deletionHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, settings } = deps
  return {
    async preview({ body }, { principal }) {
      const place = await getPlace(deps, body)
      const deletion = deletionOf(body)
      const { images, tags, ...rest } = await previewDeletion({ db }, place, deletion)
      const { repositoryId } = place
      return {
        tags: [...tags],
        images: images.map(({ digest, mediaType, totalBytes: sizeBytes }) => ({
          ...{ digest, mediaType, sizeBytes },
        })),
        untagged: [...rest.untagged],
        orphans: [...rest.orphans],
        kept: rest.kept.map((each) => ({ ...each, by: [...each.by] })),
        refused: rest.refused.map((each) => ({ ...each, usedBy: [...each.usedBy] })),
        missing: [...rest.missing],
        isComplete: rest.isComplete,
        freedBytes: mayMeasure(principal)
          ? await findFreedBytes(deps, {
              ...{ repositoryId, tags: deletion.tags, tagsAlone: true, force: deletion.force },
              digests: images.map(({ digest }) => digest),
            })
          : null,
        graceSeconds: settings.graceMs() / 1000,
      }
    },
    async run({ body }, { by }) {
      const place = await getPlace(deps, body)
      const actor = { db, graceMs: settings.graceMs(), by: by.name, address: by.address }
      const done = await runDeletion(actor, place, deletionOf(body))
      const { tags, images, refused, missing, moved } = done
      return {
        tags: [...tags],
        images: [...images],
        refused: refused.map((each) => ({ ...each, usedBy: [...each.usedBy] })),
        missing: [...missing],
        moved: [...moved],
      }
    },
  }
}

/** Whether another registry holds the same blob can be told from what is freed. */
export function mayMeasure(principal: Principal): boolean {
  return may(principal, 'Admin_ConfigureProGet', null)
}

/** Null: too much to be looked up. */
async function findFreedBytes(deps: ApiDeps, leaving: Leaving): Promise<number | null> {
  try {
    return (await measureFreed(deps, leaving)).bytes
  } catch (error) {
    if (isRefusal(error, 'REQUEST_INVALID')) return null
    throw error
  }
}

function deletionOf({
  tags = [],
  images = [],
  force = false,
  pointing = {},
}: {
  readonly tags?: readonly string[] | undefined
  readonly images?: readonly string[] | undefined
  readonly force?: boolean | undefined
  readonly pointing?: Readonly<Record<string, string>> | undefined
}): Deletion {
  return { tags, images, force, pointing }
}
