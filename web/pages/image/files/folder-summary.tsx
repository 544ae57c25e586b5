import { Badge, Stack, Table, Text, Title } from '@mantine/core'
import type { FileList } from '../../../../contract/image-files.ts'
import type { ImageDetails } from '../../../../contract/images.ts'
import { Size } from '../../../parts/size.tsx'
import { visible } from '../../../parts/visible.ts'
import { WideTable } from '../../../parts/wide-table.tsx'
import { formatCommand } from '../layer-command.ts'

/** Before a file is chosen: what each layer did, and what cannot be shown. */
export function FolderSummary(props: { readonly image: ImageDetails; readonly root: FileList }) {
  const { layers, problems, problemCount } = props.root
  const commands = new Map(props.image.layers.map(({ digest, command }) => [digest, command]))
  return (
    <Stack gap="sm">
      <Title order={2}>What the layers did</Title>
      <WideTable label="What the layers did" minWidth={420}>
        <Table verticalSpacing={4}>
          <Table.Caption hidden>What the layers did</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Layer</Table.Th>
              <Table.Th className="numeric">Added</Table.Th>
              <Table.Th className="numeric">Changed</Table.Th>
              <Table.Th className="numeric">Deleted</Table.Th>
              <Table.Th className="numeric">Size</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {layers.map(({ digest, added, changed, deleted, absent, sizeBytes }, at) => {
              const command = commands.get(digest)
              return (
                // biome-ignore lint/suspicious/noArrayIndexKey: a place is a layer.
                <Table.Tr key={at}>
                  <Table.Td>
                    {at + 1}:{' '}
                    <span className="mono">
                      {command ? formatCommand(command).slice(0, 80) : digest.slice(0, 19)}
                    </span>{' '}
                    {absent && <Badge color="yellow">not here</Badge>}
                  </Table.Td>
                  <Table.Td className="numeric">{added}</Table.Td>
                  <Table.Td className="numeric">{changed}</Table.Td>
                  <Table.Td className="numeric">{deleted}</Table.Td>
                  <Table.Td className="numeric">
                    <Size bytes={sizeBytes} />
                  </Table.Td>
                </Table.Tr>
              )
            })}
          </Table.Tbody>
        </Table>
      </WideTable>
      <Text size="sm" c="dimmed">
        Choose a file at the left to see what is in it.
      </Text>
      {problemCount > 0 && (
        <section aria-label="Entries that are not shown">
          <Title order={2}>
            {problemCount} {problemCount === 1 ? 'entry is' : 'entries are'} not shown
          </Title>
          <ul className="plain-list">
            {problems.map(({ path, message }, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: paths may come twice.
              <li key={at}>
                <span className="mono">{visible(path)}</span>: {message}
              </li>
            ))}
          </ul>
        </section>
      )}
    </Stack>
  )
}
