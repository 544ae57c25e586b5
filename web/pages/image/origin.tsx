import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import type { ImageDetails } from '../../../contract/images.ts'
import { Time } from '../../parts/time.tsx'
import { callQuery } from '../../queries/calls.ts'
import { useRefreshTag } from '../../queries/refresh-tag.ts'
import { useStays } from '../../queries/removal.ts'
import { CachedFrom } from '../containers/repository/cached-from.tsx'

/** Who pushed it, or which connector it came through and what came of asking that last. */
export function Origin({ image }: { readonly image: ImageDetails }) {
  const { cachedFrom, pushed } = image
  if (cachedFrom === null) {
    return (
      <>
        pushed <Time at={pushed.at} /> by {pushed.by}
      </>
    )
  }
  return (
    <>
      came <Time at={cachedFrom.at} />, <CachedFrom {...cachedFrom} />
    </>
  )
}

/** Asks the connector where the tag of the address points now. */
export function RefreshImage({ image }: { readonly image: ImageDetails }) {
  const { feed, repository: repo, tag, cachedFrom } = image
  const isAsked = cachedFrom?.isAsked === true
  const query = callQuery(api.repositories.get, { query: { feed, repo } })
  const { data } = useQuery({ ...query, enabled: useStays() && isAsked })
  const refresh = useRefreshTag(feed, repo)
  if (!isAsked || tag === null || !data?.canPush) return null
  return (
    <Button
      variant="default"
      size="xs"
      loading={refresh.isPending}
      onClick={() => refresh.run(tag)}
    >
      Refresh from {cachedFrom.connector}
    </Button>
  )
}

/** Of an index what it lists and is not here. */
export function NotHere({ index }: { readonly index: ImageDetails }) {
  if (index.cachedFrom === null) return 'it was not pushed here'
  return 'nobody has pulled it through the connector yet'
}
