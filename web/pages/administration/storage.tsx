import { Box, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import type { Reply } from '../../../contract/route.ts'
import type { StoreInfo } from '../../../contract/storage.ts'
import { Count } from '../../parts/count.tsx'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { Page } from '../../parts/page.tsx'
import { Size } from '../../parts/size.tsx'
import { Empty, Failure, Waiting } from '../../parts/states.tsx'
import { callQuery } from '../../queries/calls.ts'
import { storesQuery } from '../../queries/storage.ts'
import { addressOf } from '../../reference.ts'
import { WouldFree } from '../storage/freed.tsx'
import { type Measured, MeasuredList } from '../storage/measured-list.tsx'
import { SizeFacts } from '../storage/size-facts.tsx'
import { kindNames, Reach, RegistryLinks } from '../storage/stores.tsx'

/** What lies on the disks, and which registries it belongs to. */
export function StoragePage() {
  return (
    <Page title="Storage" wide>
      <Server />
      <section aria-labelledby="by-registry">
        <Title order={2} id="by-registry" mb="xs">
          Registries
        </Title>
        <MeasuredList
          route={api.sizes.feeds}
          query={{}}
          read={(reply) => reply}
          caption="Registries by size"
          addressOf={(feed) => `${addressOf({ feed })}?tab=storage`}
          more={freed}
          empty={
            <Empty title="There is no registry yet">
              <Text>With the first push its size stands here.</Text>
            </Empty>
          }
        />
      </section>
    </Page>
  )
}

const freed: Column<Measured> = {
  title: 'Deleting it frees',
  numeric: true,
  render: ({ name }) => <WouldFree feed={name} />,
}

/** How much is in a store, and once they were asked, which one it is and whether it answers. */
type Store = Reply<typeof api.sizes.server>['stores'][number] & {
  readonly info: StoreInfo | 'asked' | undefined
}

function Server() {
  const known = useQuery(storesQuery)
  const { data, error, refetch } = useQuery(callQuery(api.sizes.server))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting rows={2} />
  }
  const { stores, ...sums } = data
  const rows = stores.map(
    (store): Store => ({
      ...store,
      info:
        known.data?.find(({ id }) => id === store.id) ?? (known.isPending ? 'asked' : undefined),
    }),
  )
  return (
    <Stack gap="md">
      <SizeFacts of={sums} />
      <section aria-labelledby="stores">
        <Title order={2} id="stores" mb="xs">
          Stores
        </Title>
        {known.error && <Failure error={known.error} onRetry={() => void known.refetch()} />}
        <DataTable caption="Stores" columns={columns} rows={rows} keyOf={({ id }) => id} />
        <Text size="sm" c="dimmed" maw="72ch">
          Layers, what is yet to be removed and unfinished uploads add up to the bytes of the files
          in a store. A layer in two registries lies there once and counts in both.
        </Text>
      </section>
    </Stack>
  )
}

const columns: readonly Column<Store>[] = [
  {
    title: 'Store',
    render: ({ id, info }) =>
      typeof info === 'object' ? (
        <Box miw="16rem">
          <Text size="sm">{kindNames[info.kind]}</Text>
          <span className="mono">{info.name}</span>
        </Box>
      ) : (
        id
      ),
  },
  {
    title: 'Registries',
    render: ({ info }) =>
      typeof info === 'object' ? <RegistryLinks names={info.registries} none="none" /> : '…',
  },
  {
    title: 'State',
    render: ({ info }) => {
      if (typeof info === 'object') return <Reach store={info} />
      return info === 'asked' ? 'being asked…' : 'not known'
    },
  },
  { title: 'Layers', numeric: true, render: ({ blobs }) => <Count value={blobs} /> },
  { title: 'Their bytes', numeric: true, render: ({ blobBytes }) => <Size bytes={blobBytes} /> },
  {
    title: 'Yet to be removed',
    numeric: true,
    render: ({ freedBytes }) => <Size bytes={freedBytes} />,
  },
  {
    title: 'Unfinished uploads',
    numeric: true,
    render: ({ uploadBytes }) => <Size bytes={uploadBytes} />,
  },
]
