import { Anchor, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Reply, Route, Sent } from '../../../contract/route.ts'
import { oneOf, useAddressState } from '../../parts/address-state.ts'
import { Count } from '../../parts/count.tsx'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { Size } from '../../parts/size.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { pageQuery } from '../../queries/calls.ts'
import { bytesOf, type Figures, type Measure, measures } from './figures.ts'
import { Treemap } from './treemap.tsx'

export interface Measured extends Figures {
  readonly name: string
  readonly manifests: number
  readonly blobs: number
  readonly manifestBytes: number
}

const most = 1000

/**
 * Registries or repositories by size, as a picture and as a table, the largest first: of the first
 * thousand by name, as the server lists them.
 */
export function MeasuredList<R extends Route>(props: {
  readonly route: R
  readonly query: Sent<R>['query']
  readonly read: (reply: Reply<R>) => readonly Measured[]
  readonly caption: string
  readonly addressOf: (name: string) => string
  /** Of a row, what else is known: what deleting it would free. */
  readonly more?: Column<Measured>
  readonly empty: ReactNode
}) {
  const { route, query, read, caption, addressOf, more, empty } = props
  const [{ measure: asked }, setAddress] = useAddressState()
  const measure = oneOf(asked, ['disk', 'logical'])
  const { data, error, refetch } = useQuery(
    pageQuery(route, { query: { ...(query as object), count: String(most) } } as Partial<Sent<R>>),
  )
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  const rows = [...read(data.items)].sort((a, b) => bytesOf(b, measure) - bytesOf(a, measure))
  if (rows.length === 0) return empty
  const parts = rows.map((row) => ({ name: row.name, bytes: bytesOf(row, measure) }))
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <SegmentedControl
          size="xs"
          aria-label="How sizes are counted"
          data={[...measures]}
          value={measure}
          onChange={(value) => setAddress({ measure: value === 'disk' ? undefined : value })}
        />
        {data.next !== null && (
          <Text size="sm" c="dimmed">
            The first {most.toLocaleString('en')} by name.
          </Text>
        )}
      </Group>
      <Treemap parts={parts} />
      <DataTable
        caption={caption}
        columns={columnsOf(measure, largest(rows, measure), addressOf, more)}
        rows={rows}
        keyOf={({ name }) => name}
      />
    </Stack>
  )
}

function largest(rows: readonly Measured[], measure: Measure): number {
  return Math.max(1, ...rows.map((row) => bytesOf(row, measure)))
}

function columnsOf(
  measure: Measure,
  most: number,
  addressOf: (name: string) => string,
  more: Column<Measured> | undefined,
): readonly Column<Measured>[] {
  return [
    {
      title: 'Name',
      render: ({ name }) => (
        <Anchor component={Link} to={addressOf(name)} className="wraps">
          {name}
        </Anchor>
      ),
    },
    {
      title: 'Share',
      silent: true,
      render: (row) => (
        <span
          className="share"
          aria-hidden="true"
          style={{ width: `${(bytesOf(row, measure) / most) * 8}rem` }}
        />
      ),
    },
    {
      title: 'Each layer once',
      numeric: true,
      render: ({ deduplicatedBytes }) => <Size bytes={deduplicatedBytes} />,
    },
    {
      title: 'If nothing were shared',
      numeric: true,
      render: ({ logicalBytes }) => <Size bytes={logicalBytes} />,
    },
    { title: 'Images', numeric: true, render: ({ manifests }) => <Count value={manifests} /> },
    { title: 'Layers', numeric: true, render: ({ blobs }) => <Count value={blobs} /> },
    ...(more ? [more] : []),
  ]
}
