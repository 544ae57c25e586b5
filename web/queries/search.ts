import { queryOptions } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import type { SearchResult } from '../../contract/search.ts'
import { client } from '../call.ts'
import { addressOf, formatReference } from '../reference.ts'

/** One thing that was found, and its page. */
export interface Found {
  readonly label: string
  readonly description: string
  readonly to: string
}

export interface FoundGroup {
  readonly title: string
  readonly found: readonly Found[]
}

/** Registries, repositories, tags and digests of all that the caller may view. */
export function searchQuery(text: string) {
  const q = asReference(text)
  return queryOptions({
    queryKey: [api.search.find.path, q],
    queryFn: async ({ signal }) => {
      const result = await call({ ...client, signal }, api.search.find, { query: { q } })
      return { groups: mostExactFirst(groupsOf(result), q), isComplete: result.isComplete }
    },
  })
}

/** What is copied from a terminal begins with the name of this server, or of docker's verb. */
function asReference(text: string): string {
  const name = text.trim().replace(/^(?:docker|podman)\s+pull\s+/, '')
  const host = `${window.location.host}/`
  return (name.startsWith(host) ? name.slice(host.length) : name).slice(0, 400)
}

/** Who wrote `main/app:1.4` wants that tag, and not the repository that is found with it. */
function mostExactFirst(groups: readonly FoundGroup[], written: string): FoundGroup[] {
  const isMeant = (group: FoundGroup) => group.found.some(({ label }) => label === written)
  return [...groups.filter(isMeant), ...groups.filter((group) => !isMeant(group))]
}

function groupsOf({ registries, repositories, tags, images }: SearchResult): FoundGroup[] {
  const place = { tag: null, digest: null }
  const groups = [
    {
      title: 'Registries',
      found: registries.map(({ name, description }) => ({
        ...{ label: name, description },
        to: addressOf({ feed: name }),
      })),
    },
    { title: 'Repositories', found: repositories.map((one) => found({ ...place, ...one })) },
    { title: 'Tags', found: tags.map(({ digest: _, ...one }) => found({ ...place, ...one })) },
    { title: 'Digests', found: images.map((one) => found({ ...place, ...one })) },
  ]
  return groups.filter((group) => group.found.length > 0)
}

function found(reference: Parameters<typeof addressOf>[0]): Found {
  return { label: formatReference(reference), description: '', to: addressOf(reference) }
}
