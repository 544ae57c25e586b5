import { notifications } from '@mantine/notifications'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import type { TagInfo } from '../../../../contract/tags.ts'
import { copyText } from '../../../parts/copy.tsx'
import { clientsFor, isImageConfig, type Pulled, pullLine } from '../../../parts/pull-lines.ts'

/** Puts what pulls these tags on the clipboard, one line each, as a terminal takes them. */
export async function copyPullLines(
  repository: RepositoryDetails,
  tags: readonly TagInfo[],
): Promise<void> {
  const lines = tags.map((tag) => {
    const pulled = pulledOf(repository, tag)
    return pullLine(pulled, clientsFor(pulled)[0] ?? 'docker', false)
  })
  const copied = await copyText(lines.join('\n'))
  notifications.show(
    copied
      ? { message: `Copied: ${lines.join(', ')}` }
      : { color: 'red', message: 'The browser gives no access to the clipboard.' },
  )
}

/** In a list the type of an artifact is that of its config, unless it says another. */
function pulledOf(
  { imageName }: RepositoryDetails,
  { name, digest, artifactType }: TagInfo,
): Pulled {
  const isArtifact = artifactType !== null && !isImageConfig(artifactType)
  return {
    ...{ imageName, digest, tag: name, tags: [name] },
    kind: isArtifact ? 'artifact' : 'image',
    config: artifactType === null ? null : { mediaType: artifactType },
  }
}
