import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import type { ImageDetails } from '../../../contract/images.ts'
import type { TagInfo } from '../../../contract/tags.ts'
import { Time } from '../../parts/time.tsx'
import { callQuery } from '../../queries/calls.ts'
import { useRefreshTag } from '../../queries/refresh-tag.ts'
import { useStays } from '../../queries/removal.ts'
import { CachedFrom } from '../containers/repository/cached-from.tsx'

/** Who pushed it, or which connector it came through and, by its tag, when that was last asked. */
export function Origin({ image }: { readonly image: ImageDetails }) {
  const { cachedFrom, pushed } = image
  const tag = useCachedTag(image)
  if (cachedFrom === null) {
    return (
      <>
        pushed <Time at={pushed.at} /> by {pushed.by}
      </>
    )
  }
  return (
    <>
      came <Time at={cachedFrom.at} />,{' '}
      {tag?.cachedFrom ? (
        <CachedFrom {...tag.cachedFrom} />
      ) : (
        `cached from ${cachedFrom.connector ?? 'a connector that is deleted'}`
      )}
    </>
  )
}

/** Asks the connector where the tag of the address points now. */
export function RefreshImage({ image }: { readonly image: ImageDetails }) {
  const { feed, repository: repo, tag } = image
  const connector = useCachedTag(image)?.cachedFrom?.connector ?? null
  const query = callQuery(api.repositories.get, { query: { feed, repo } })
  const { data } = useQuery({ ...query, enabled: useStays() && connector !== null })
  const refresh = useRefreshTag(feed, repo)
  if (connector === null || tag === null || !data?.canPush) return null
  return (
    <Button
      variant="default"
      size="xs"
      loading={refresh.isPending}
      onClick={() => refresh.run(tag)}
    >
      Refresh from {connector}
    </Button>
  )
}

/** Of an index what it lists and is not here. */
export function NotHere({ index }: { readonly index: ImageDetails }) {
  if (index.cachedFrom === null) return 'it was not pushed here'
  return 'nobody has pulled it through the connector yet'
}

/** As many as are looked through for the one of that very name. */
const maxLike = '1000'

/** The tag of the address as lists have it; only of an image that came through a connector. */
function useCachedTag({ feed, repository, tag, cachedFrom }: ImageDetails): TagInfo | undefined {
  const search = { search: tag ?? '', sort: 'name', count: maxLike } as const
  const query = callQuery(api.tags.list, { query: { feed, repo: repository, ...search } })
  const isWanted = tag !== null && cachedFrom !== null
  const { data } = useQuery({ ...query, enabled: useStays() && isWanted })
  return data?.find(({ name }) => name === tag)
}
