import { notifications } from '@mantine/notifications'
import { api } from '../../contract/api.ts'
import type { Reply } from '../../contract/route.ts'
import { troubleOf } from '../call.ts'
import { shortDigest } from '../reference.ts'
import { useCall } from './calls.ts'

/** Asks a connector now where a cached tag points, and tells what came of it. */
export function useRefreshTag(feed: string, repo: string) {
  const refresh = useCall(api.tags.refresh, [
    ...[api.tags.list, api.tags.history, api.images.get, api.repositories.get],
    api.connectors.list,
  ])
  const run = async (tag: string) => {
    try {
      const done = await refresh.mutateAsync({ query: { feed, repo, tag } })
      const color = done.warning === null ? {} : { color: 'yellow' }
      notifications.show({ message: refreshedInWords(tag, done), ...color })
    } catch (error) {
      const { title, detail } = troubleOf(error)
      notifications.show({ color: 'red', title, message: detail, autoClose: false })
    }
  }
  return { isPending: refresh.isPending, run: (tag: string) => void run(tag) }
}

function refreshedInWords(
  tag: string,
  { digest, previousDigest, warning }: Reply<typeof api.tags.refresh>,
): string {
  if (warning !== null) return `${tag} stays as it is: ${warning}.`
  if (digest === previousDigest) return `${tag} is up to date: it points where it did.`
  return `${tag} moved from ${shortDigest(previousDigest)} to ${shortDigest(digest)}.`
}
