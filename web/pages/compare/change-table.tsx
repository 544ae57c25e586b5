import { Table, Title } from '@mantine/core'
import type { Comparison } from '../../../contract/images.ts'
import { visible } from '../../parts/visible.ts'
import { WideTable } from '../../parts/wide-table.tsx'

/** What was and what is, by name. Nothing where nothing differs. */
export function ChangeTable(props: {
  readonly title: string
  readonly changes: Comparison['config']
}) {
  const { title, changes } = props
  if (changes.length === 0) return null
  return (
    <section aria-label={title}>
      <Title order={2}>{title}</Title>
      <WideTable label={`${title}, was and is`} minWidth={480}>
        <Table className="text-table" verticalSpacing={4}>
          <Table.Caption hidden>{title}</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th>Was</Table.Th>
              <Table.Th>Is</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {changes.map(({ name, left, right }) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" className="mono">
                  {visible(name)}
                </Table.Th>
                <Table.Td className="mono">
                  {left === null ? '–' : <del>{visible(left)}</del>}
                </Table.Td>
                <Table.Td className="mono">
                  {right === null ? '–' : <ins>{visible(right)}</ins>}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </WideTable>
    </section>
  )
}
