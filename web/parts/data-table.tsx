import { Button, Group, Table } from '@mantine/core'
import type { ReactNode } from 'react'
import { useFreshKeys } from './fresh-keys.ts'
import { Icon } from './icon.tsx'
import { useRowKeys } from './row-keys.ts'

export interface Column<Row> {
  readonly title: string
  readonly render: (row: Row) => ReactNode
  /** Numbers stand at the right. */
  readonly numeric?: boolean
  /** No words above it, but for screen readers. */
  readonly silent?: boolean
}

/**
 * One page of rows; the next ones are the server's business (see `usePages`). `j` and `k` walk over
 * the rows, Enter follows the first link of one.
 */
export function DataTable<Row>(props: {
  /** What it lists, for screen readers. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
}) {
  const { columns, rows, keyOf, caption } = props
  const current = useRowKeys(rows.length)
  const fresh = useFreshKeys(rows.map(keyOf))
  return (
    <Table.ScrollContainer minWidth={600} type="native">
      <Table highlightOnHover verticalSpacing="xs">
        <Table.Caption hidden>{caption}</Table.Caption>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ title, numeric, silent }) => (
              <Table.Th key={title} className={numeric ? 'numeric' : undefined}>
                <span className={silent ? 'for-readers' : undefined}>{title}</span>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody ref={current.ref}>
          {rows.map((row, index) => (
            <Table.Tr
              key={keyOf(row)}
              data-current={index === current.index || undefined}
              data-fresh={fresh.has(keyOf(row)) || undefined}
            >
              {columns.map(({ title, render, numeric }) => (
                <Table.Td key={title} className={numeric ? 'numeric' : undefined}>
                  {render(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

/** Below a table that goes on. */
export function Pager(props: {
  readonly onFirst: (() => void) | undefined
  readonly onPrevious: (() => void) | undefined
  readonly onNext: (() => void) | undefined
}) {
  if (!props.onFirst && !props.onPrevious && !props.onNext) return null
  return (
    <Group gap="xs" component="nav" aria-label="Pages of the list">
      <Button size="xs" variant="default" disabled={!props.onFirst} onClick={props.onFirst}>
        First
      </Button>
      <Button
        size="xs"
        variant="default"
        disabled={!props.onPrevious}
        onClick={props.onPrevious}
        leftSection={<Icon name="previous" size={14} />}
      >
        Previous
      </Button>
      <Button
        size="xs"
        variant="default"
        disabled={!props.onNext}
        onClick={props.onNext}
        rightSection={<Icon name="next" size={14} />}
      >
        Next
      </Button>
    </Group>
  )
}
