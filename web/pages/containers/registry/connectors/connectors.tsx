import { Stack, Switch, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../../../contract/api.ts'
import type { FeedInfo } from '../../../../../contract/feeds.ts'
import { Failure, Waiting } from '../../../../parts/states.tsx'
import { callQuery, useCall } from '../../../../queries/calls.ts'
import { useWhoami } from '../../../../queries/session.ts'
import { AttachedConnectors } from './attached.tsx'
import { Mirror } from './mirror.tsx'

/** Which other registries a registry asks, what it keeps of them, and whose place it takes. */
export function RegistryConnectors({ feed }: { readonly feed: string }) {
  const query = callQuery(api.feeds.get, { params: { name: feed } })
  const { data, error, refetch } = useQuery(query)
  const { administrator } = useWhoami()
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  return (
    <Stack gap="xl">
      <section aria-labelledby="attached">
        <Title order={2} id="attached" mb={4}>
          Connectors
        </Title>
        <Text size="sm" c="dimmed" maw="72ch" mb="sm">
          An image that is not here is looked for through these, from top to bottom. What was pushed
          here always comes first.
          {!administrator && ' An administrator of this server can change them.'}
        </Text>
        <AttachedConnectors feed={data} isAdministrator={administrator} />
      </section>
      <section aria-labelledby="cached">
        <Title order={2} id="cached" mb="xs">
          Cached images
        </Title>
        <CacheSwitch feed={data} />
      </section>
      <section aria-labelledby="mirror">
        <Title order={2} id="mirror" mb={4}>
          Mirror
        </Title>
        <Mirror feed={data} isAdministrator={administrator} />
      </section>
    </Stack>
  )
}

function CacheSwitch({ feed: { name, cacheConnectors } }: { readonly feed: FeedInfo }) {
  const update = useCall(api.feeds.update, [api.feeds.get])
  return (
    <Stack gap="xs" maw="72ch">
      <Switch
        label="Keep what is pulled through connectors"
        description="It is then served from here, also while the other registry is away. Off: every pull goes there; what is kept already stays."
        checked={cacheConnectors}
        disabled={update.isPending}
        onChange={(event) =>
          update.mutate({
            params: { name },
            body: { cacheConnectors: event.currentTarget.checked },
          })
        }
      />
      {update.error && <Failure error={update.error} />}
      <Text size="sm" c="dimmed">
        A retention rule for what came through a connector deletes what nobody pulls any more; it is
        fetched again when somebody does.
      </Text>
    </Stack>
  )
}
