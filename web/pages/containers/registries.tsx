import { Anchor, Badge, Button, Group, Text } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { RegistryOverview } from '../../../contract/registries.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { Count } from '../../parts/count.tsx'
import type { Column } from '../../parts/data-table.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { QuotaWarning } from '../../parts/quota.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { Size } from '../../parts/size.tsx'
import { Sparkline } from '../../parts/sparkline.tsx'
import { Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { useMayCreateRegistries } from '../../queries/abilities.ts'
import { pageQuery } from '../../queries/calls.ts'
import { addressOf } from '../../reference.ts'
import { FirstPush } from './first-push.tsx'
import { NewRegistry } from './new-registry.tsx'
import { SearchResults } from './search-results.tsx'

const columns: readonly Column<RegistryOverview>[] = [
  {
    title: 'Registry',
    render: ({ name, active, description }) => (
      <>
        <Anchor component={Link} to={addressOf({ feed: name })} fw={600}>
          {name}
        </Anchor>{' '}
        {!active && <Badge color="yellow">not active</Badge>}
        {description !== '' && (
          <Text size="sm" c="dimmed" lineClamp={1} maw="44ch">
            {description}
          </Text>
        )}
      </>
    ),
  },
  { title: 'Images', numeric: true, render: ({ images }) => <Count value={images} /> },
  { title: 'Tags', numeric: true, render: ({ tags }) => <Count value={tags} /> },
  {
    title: 'Size',
    numeric: true,
    render: ({ sizes, quota }) => (
      <>
        <QuotaWarning quota={quota} /> <Size bytes={sizes?.deduplicatedBytes ?? null} />
      </>
    ),
  },
  {
    title: 'Pulls, 30 days',
    numeric: true,
    render: ({ daily, pulls }) => (
      <Group gap="xs" wrap="nowrap" justify="flex-end">
        <Sparkline values={daily} />
        <span className="count-of-days">
          <Count value={pulls.last30Days} />
        </span>
      </Group>
    ),
  },
  {
    title: 'Last push',
    render: ({ lastPush }) =>
      lastPush ? (
        <span className="unbroken">
          <Time at={lastPush.at} />, {lastPush.by}
        </span>
      ) : (
        <Text span inherit c="dimmed">
          none yet
        </Text>
      ),
  },
  {
    title: 'Access',
    render: ({ public: isPublic, partly }) => (
      <>
        {isPublic ? 'public' : 'private'}
        {partly && ', a part'}
      </>
    ),
  },
]

/** The registries that the caller may view, and what is in all of them. */
export function RegistriesPage() {
  const [{ search = '', create }, setAddress] = useAddressState()
  const mayCreate = useMayCreateRegistries()
  const open = () => setAddress({ create: 'registry' })
  const button = mayCreate && (
    <Button size="sm" leftSection={<Icon name="add" size={16} />} onClick={open}>
      New registry
    </Button>
  )
  return (
    <Page title="Containers" wide actions={button}>
      <Group>
        <SearchField
          label="Search registries, images, tags and digests"
          value={search}
          onChange={(value) => setAddress({ search: value })}
        />
      </Group>
      {search === '' ? <RegistryTable mayCreate={mayCreate} /> : <SearchResults query={search} />}
      <NewRegistry
        opened={mayCreate && create === 'registry'}
        onClose={() => setAddress({ create: undefined })}
      />
    </Page>
  )
}

/** Those of a feed group stand together; what was closed stays so in this browser. */
function RegistryTable({ mayCreate }: { readonly mayCreate: boolean }) {
  const [closed, setClosed] = useLocalStorage<readonly string[]>({
    key: 'entrepot-closed-groups',
    defaultValue: [],
    getInitialValueInEffect: false,
  })
  const toggle = (group: string) =>
    setClosed(closed.includes(group) ? closed.filter((one) => one !== group) : [...closed, group])
  return (
    <>
      <PagedList
        route={api.registries.list}
        caption="Registries"
        columns={columns}
        keyOf={({ name }) => name}
        groups={{ of: ({ feedGroup }) => feedGroup, closed, toggle }}
        empty={mayCreate ? <NoRegistry /> : <NothingForYou />}
      />
      <BeforeTheFirstPush />
    </>
  )
}

function NoRegistry() {
  return (
    <Empty title="There is no registry yet">
      <Text>
        A registry holds the images of a team, a product or a whole company, with its own rights.
        Make one, then push the first image.
      </Text>
    </Empty>
  )
}

function NothingForYou() {
  return (
    <Empty title="No registry is for you yet">
      <Text>
        A registry holds images. Whoever administrates this server can make one, or let you into one
        that is there.
      </Text>
    </Empty>
  )
}

/** As long as there is nothing anywhere: how to push to the first registry that one may push to. */
function BeforeTheFirstPush() {
  const { data } = useQuery(pageQuery(api.registries.list, { query: {} }))
  const registries = data?.items ?? []
  const target = registries.find(({ canPublish, active }) => canPublish && active)
  const isEmpty = data?.next === null && registries.every(({ images }) => images === 0)
  if (!isEmpty || target === undefined) return null
  return <FirstPush imagePrefix={target.imagePrefix} registry={target.name} />
}
