import { Alert, Anchor, Loader, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import { Icon } from '../../parts/icon.tsx'
import { Time } from '../../parts/time.tsx'
import { callQuery } from '../../queries/calls.ts'
import { addressOf } from '../../reference.ts'

const everyMs = 2000

/** Waits for an image in a registry, and shows it once it is there. For who manages the registry. */
export function FirstPush({ feed }: { readonly feed: string }) {
  const { data } = useQuery({
    ...callQuery(api.audit.list, { query: { feed, kind: 'manifest.pushed', count: '1' } }),
    refetchInterval: everyMs,
  })
  const repository = data?.[0]?.repository ?? null
  if (data?.[0] === undefined || repository === null) {
    return (
      <Alert color="gray" icon={<Loader size={18} />} role="status">
        Waiting for your push to {feed}…
      </Alert>
    )
  }
  return (
    <Alert color="green" icon={<Icon name="check" />} role="status" title="Your image is here">
      <Text size="sm">
        <Anchor component={Link} to={addressOf({ feed, repository })} underline="always">
          {feed}/{repository}
        </Anchor>
        , pushed by {data[0].by} <Time at={data[0].at} />.
      </Text>
    </Alert>
  )
}
