import { Badge } from '@mantine/core'
import type { Comparison } from '../../../contract/images.ts'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { Size } from '../../parts/size.tsx'
import { shortDigest } from '../../reference.ts'
import { formatCommand } from '../image/layer-command.ts'

type Layer = Comparison['layers'][number] & { readonly key: number }

const marks = {
  kept: { color: 'gray', word: 'kept' },
  added: { color: 'green', word: 'new' },
  removed: { color: 'red', word: 'gone' },
} as const

const columns: readonly Column<Layer>[] = [
  {
    title: 'State',
    render: ({ state }) => (
      <Badge color={marks[state].color} className="whole-badge">
        {marks[state].word}
      </Badge>
    ),
  },
  {
    title: 'Command',
    render: ({ command }) => (
      <span className="mono layer-command">
        {command === null ? '' : formatCommand(command).slice(0, 300)}
      </span>
    ),
  },
  {
    title: 'Digest',
    render: ({ digest }) => (
      <span className="digest-link">
        <span className="mono" title={digest}>
          {shortDigest(digest)}
        </span>
      </span>
    ),
  },
  { title: 'Size', numeric: true, render: ({ sizeBytes }) => <Size bytes={sizeBytes} /> },
]

export function LayerChanges({ layers }: { readonly layers: Comparison['layers'] }) {
  return (
    <DataTable
      caption="Layers"
      columns={columns}
      rows={layers.map((layer, key) => ({ ...layer, key }))}
      keyOf={({ key }) => key}
    />
  )
}
