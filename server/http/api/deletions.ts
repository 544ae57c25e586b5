import type { deletions as routes } from '../../../contract/deletions.ts'
import { type Deletion, previewDeletion, runDeletion } from '../../registry/deletions.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { getPlace } from './place.ts'

export function deletionHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, settings } = deps
  return {
    async preview({ body }) {
      const place = await getPlace(deps, body)
      const { images, tags, ...rest } = await previewDeletion({ db }, place, deletionOf(body))
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
        graceSeconds: settings.graceMs() / 1000,
      }
    },
    async run({ body }, { by }) {
      const place = await getPlace(deps, body)
      const actor = { db, graceMs: settings.graceMs(), by: by.name, address: by.address }
      const { tags, images, refused, missing } = await runDeletion(actor, place, deletionOf(body))
      return {
        tags: [...tags],
        images: [...images],
        refused: refused.map((each) => ({ ...each, usedBy: [...each.usedBy] })),
        missing: [...missing],
      }
    },
  }
}

function deletionOf({
  tags = [],
  images = [],
  force = false,
}: {
  readonly tags?: readonly string[] | undefined
  readonly images?: readonly string[] | undefined
  readonly force?: boolean | undefined
}): Deletion {
  return { tags, images, force }
}
