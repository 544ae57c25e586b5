import { Anchor, Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { api } from '../../../../contract/api.ts'
import type { RegistryOverview } from '../../../../contract/registries.ts'
import type { RepositoryInfo } from '../../../../contract/repositories.ts'
import { oneOf, useAddressState } from '../../../parts/address-state.ts'
import { Count } from '../../../parts/count.tsx'
import type { Column } from '../../../parts/data-table.tsx'
import { PagedList } from '../../../parts/paged-list.tsx'
import { QuotaWarning } from '../../../parts/quota.tsx'
import { SearchField } from '../../../parts/search-field.tsx'
import { Size } from '../../../parts/size.tsx'
import { SortField } from '../../../parts/sort-field.tsx'
import { Empty } from '../../../parts/states.tsx'
import { Time } from '../../../parts/time.tsx'
import { addressOf } from '../../../reference.ts'
import { FirstPush } from '../first-push.tsx'

const pageSize = '50'

const orders = [
  { value: 'name-asc', label: 'Name, A to Z' },
  { value: 'name-desc', label: 'Name, Z to A' },
  { value: 'pushed-desc', label: 'Last push, newest first' },
  { value: 'pushed-asc', label: 'Last push, oldest first' },
] as const

const columns: readonly Column<RepositoryInfo>[] = [
  {
    title: 'Repository',
    render: ({ feed, name }) => (
      <Anchor component={Link} to={addressOf({ feed, repository: name })} className="wraps">
        {name}
      </Anchor>
    ),
  },
  { title: 'Tags', numeric: true, render: ({ tags }) => <Count value={tags} /> },
  { title: 'Images', numeric: true, render: ({ images }) => <Count value={images} /> },
  {
    title: 'Size',
    numeric: true,
    render: ({ sizes, quota }) => (
      <>
        <QuotaWarning quota={quota} /> <Size bytes={sizes.deduplicatedBytes} />
      </>
    ),
  },
  {
    title: 'Last push',
    render: ({ lastPush }) =>
      lastPush && (
        <span className="unbroken">
          <Time at={lastPush.at} />, {lastPush.by}
        </span>
      ),
  },
  { title: 'Last pull', render: ({ pulls }) => <Time at={pulls.last} /> },
  {
    title: 'Pulls, 30 days',
    numeric: true,
    render: ({ pulls }) => <Count value={pulls.last30Days} />,
  },
]

/** What is in a registry, a page at a time. */
export function RepositoryList({ registry }: { readonly registry: RegistryOverview }) {
  const [{ search = '', sort: chosen }, setAddress] = useAddressState()
  const order = oneOf(chosen, ['name-asc', 'name-desc', 'pushed-desc', 'pushed-asc'])
  const [sort = 'name', direction] = order.split('-') as ['name' | 'pushed', 'asc' | 'desc']
  return (
    <>
      <Group gap="xs" mb="sm">
        <SearchField
          label="Filter repositories"
          value={search}
          onChange={(value) => setAddress({ search: value })}
        />
        <SortField
          options={orders}
          value={order}
          onChange={(value) => setAddress({ sort: value === 'name-asc' ? undefined : value })}
        />
      </Group>
      <PagedList
        route={api.repositories.list}
        query={{
          ...{ feed: registry.name, sort, order: direction, count: pageSize },
          ...(search !== '' && { search }),
        }}
        caption={`Repositories of ${registry.name}`}
        columns={columns}
        keyOf={({ name }) => name}
        empty={search === '' ? <NoRepository registry={registry} /> : <NoMatch search={search} />}
      />
    </>
  )
}

function NoRepository({ registry }: { readonly registry: RegistryOverview }) {
  const { name, imagePrefix, canPublish, active } = registry
  if (active && canPublish) return <FirstPush imagePrefix={imagePrefix} registry={name} />
  return (
    <Empty title="Nothing is here yet">
      <Text>
        {active
          ? 'A repository comes with its first push. You may not push here; somebody who may is welcome to.'
          : 'This registry is not active: nobody can push to it or pull from it until it is.'}
      </Text>
    </Empty>
  )
}

function NoMatch({ search }: { readonly search: string }) {
  return (
    <Empty title={`No repository has "${search}" in its name`}>
      <Text>The search at the top, also with /, looks in all registries.</Text>
    </Empty>
  )
}
