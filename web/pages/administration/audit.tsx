import { Autocomplete, Badge, Code, Group, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { AuditEntry } from '../../../contract/audit.ts'
import type { Column } from '../../parts/data-table.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { useFeedNames, useUserNames } from '../../queries/names.ts'

const nothing = { kind: '', by: '', feed: '', from: '', to: '' }

/** What happened, the newest first. */
export function AuditPage() {
  const [filter, setFilter] = useState(nothing)
  const [settled] = useDebouncedValue(filter, 300)
  return (
    <Page title="Audit" wide>
      <Filters filter={filter} onChange={setFilter} />
      <PagedList
        route={api.audit.list}
        query={queryOf(settled)}
        caption="What happened, the newest first"
        columns={columns}
        keyOf={({ id }) => id}
        empty={<Empty title="Nothing of that kind">Take something out of the filter.</Empty>}
      />
    </Page>
  )
}

function Filters(props: {
  readonly filter: typeof nothing
  readonly onChange: (filter: typeof nothing) => void
}) {
  const { filter, onChange } = props
  const users = useUserNames(filter.by)
  const feeds = useFeedNames()
  const set = (field: keyof typeof nothing) => (value: string) =>
    onChange({ ...filter, [field]: value })
  return (
    <Group align="end" gap="sm">
      <TextInput
        label="What"
        placeholder="user.* or user.created"
        value={filter.kind}
        onChange={(event) => set('kind')(event.currentTarget.value)}
      />
      <Autocomplete label="Who" data={users} value={filter.by} onChange={set('by')} />
      <Autocomplete label="Registry" data={feeds} value={filter.feed} onChange={set('feed')} />
      <TextInput
        type="date"
        label="From"
        value={filter.from}
        onChange={(event) => set('from')(event.currentTarget.value)}
      />
      <TextInput
        type="date"
        label="Before"
        value={filter.to}
        onChange={(event) => set('to')(event.currentTarget.value)}
      />
    </Group>
  )
}

/** Days begin where the reader is. */
function queryOf({ kind, by, feed, from, to }: typeof nothing) {
  const timeOf = (day: string) => new Date(`${day}T00:00`).toISOString()
  return {
    ...(kind !== '' && { kind }),
    ...(by !== '' && { by }),
    ...(feed !== '' && { feed }),
    ...(from !== '' && { from: timeOf(from) }),
    ...(to !== '' && { to: timeOf(to) }),
  }
}

const columns: readonly Column<AuditEntry>[] = [
  { title: 'When', render: ({ at }) => <Time at={at} /> },
  { title: 'What', render: ({ kind }) => <Badge color="gray">{kind}</Badge> },
  {
    title: 'Who',
    render: ({ by, address }) => (
      <>
        {by}
        <Text size="xs" c="dimmed" className="mono">
          {address ?? 'the server itself, or its command line'}
        </Text>
      </>
    ),
  },
  {
    title: 'Where',
    render: ({ feed, repository }) => [feed, repository].filter(Boolean).join(' / '),
  },
  {
    title: 'Detail',
    render: ({ detail }) =>
      Object.keys(detail).length === 0 ? null : <Code>{JSON.stringify(detail)}</Code>,
  },
]
