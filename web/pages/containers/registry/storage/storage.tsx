import { Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../../../contract/api.ts'
import { Empty, Failure, Waiting } from '../../../../parts/states.tsx'
import { callQuery } from '../../../../queries/calls.ts'
import { useWhoami } from '../../../../queries/session.ts'
import { addressOf } from '../../../../reference.ts'
import { WouldFree } from '../../../storage/freed.tsx'
import { type Measured, MeasuredList } from '../../../storage/measured-list.tsx'
import { SizeFacts } from '../../../storage/size-facts.tsx'
import { Place } from './place.tsx'

/** Where a registry keeps its images, how large it is, and which of its repositories are. */
export function Storage({ feed }: { readonly feed: string }) {
  const { administrator } = useWhoami()
  const more = {
    title: 'Deleting it frees',
    numeric: true,
    render: ({ name }: Measured) => <WouldFree feed={feed} repository={name} />,
  }
  return (
    <Stack gap="lg">
      {administrator ? (
        <Place feed={feed} />
      ) : (
        <Text size="sm" c="dimmed">
          Where its images are kept is for an administrator to choose.
        </Text>
      )}
      <section aria-labelledby="sizes">
        <Title order={2} id="sizes" mb="xs">
          How large it is
        </Title>
        <Stack gap="md">
          <Whole feed={feed} isAdministrator={administrator} />
          <MeasuredList
            route={api.sizes.repositories}
            query={{ feed }}
            read={(reply) =>
              reply.map(({ repository, ...figures }) => ({ name: repository, ...figures }))
            }
            caption={`Repositories of ${feed} by size`}
            addressOf={(repository) => addressOf({ feed, repository })}
            {...(administrator && { more })}
            empty={
              <Empty title="Nothing is here yet">
                <Text>With the first push its size stands here.</Text>
              </Empty>
            }
          />
        </Stack>
      </section>
    </Stack>
  )
}

function Whole(props: { readonly feed: string; readonly isAdministrator: boolean }) {
  const { feed, isAdministrator } = props
  const { data, error, refetch } = useQuery(callQuery(api.sizes.feed, { query: { feed } }))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting rows={2} />
  }
  const more = { 'Deleting the registry frees': isAdministrator && <WouldFree feed={feed} /> }
  return <SizeFacts of={data} more={more} />
}
