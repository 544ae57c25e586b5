import { notifications } from '@mantine/notifications'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import { copyText } from '../../../parts/copy.tsx'

/** Puts what pulls these tags on the clipboard, one line each, as a terminal takes them. */
export async function copyPullLines(
  { imageName }: RepositoryDetails,
  tags: readonly { readonly name: string }[],
): Promise<void> {
  const lines = tags.map(({ name }) => `docker pull ${imageName}:${name}`)
  const copied = await copyText(lines.join('\n'))
  notifications.show(
    copied
      ? { message: `Copied: ${lines.join(', ')}` }
      : { color: 'red', message: 'The browser gives no access to the clipboard.' },
  )
}
