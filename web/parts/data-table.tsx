import { Button, Group, Table, Text, UnstyledButton } from '@mantine/core'
import type { ReactNode } from 'react'
import { useFreshKeys } from './fresh-keys.ts'
import { Icon } from './icon.tsx'
import { linesOf, noGroup, type RowGroups } from './row-groups.ts'
import { useRowKeys } from './row-keys.ts'
import { WideTable } from './wide-table.tsx'

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
 * the rows, Enter follows the first link of one. With `groups` rows stand below the name of theirs,
 * which opens and closes it.
 */
export function DataTable<Row>(props: {
  /** What it lists, for screen readers. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
  readonly groups?: RowGroups<Row> | undefined
}) {
  const { columns, rows, keyOf, caption, groups } = props
  const lines = linesOf(rows, groups)
  const current = useRowKeys(lines.length)
  const fresh = useFreshKeys(rows.map(keyOf))
  return (
    <WideTable label={caption} minWidth={600}>
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
          {lines.map((line, index) => {
            const isCurrent = index === current.index || undefined
            if ('group' in line) {
              return (
                <Table.Tr key={`group ${line.group}`} data-current={isCurrent}>
                  <Table.Td colSpan={columns.length}>
                    <GroupName {...line} onToggle={() => groups?.toggle(line.group)} />
                  </Table.Td>
                </Table.Tr>
              )
            }
            const key = keyOf(line.row)
            return (
              <Table.Tr key={key} data-current={isCurrent} data-fresh={fresh.has(key) || undefined}>
                {columns.map(({ title, render, numeric }) => (
                  <Table.Td key={title} className={numeric ? 'numeric' : undefined}>
                    {render(line.row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            )
          })}
        </Table.Tbody>
      </Table>
    </WideTable>
  )
}

function GroupName(props: {
  readonly group: string
  readonly count: number
  readonly isClosed: boolean
  readonly onToggle: () => void
}) {
  const { group, count, isClosed, onToggle } = props
  return (
    <UnstyledButton className="group-name" aria-expanded={!isClosed} onClick={onToggle}>
      <Icon name="next" size={14} />
      {group === noGroup ? 'In no group' : group}
      <Text span size="sm" c="dimmed">
        {count}
      </Text>
    </UnstyledButton>
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
