import { Anchor, Badge, Stack, Switch, Text, Tooltip } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { ImageDetails, ImageLayer } from '../../../contract/images.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { CopyButton } from '../../parts/copy.tsx'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { formatSize, Size } from '../../parts/size.tsx'
import { visible } from '../../parts/visible.ts'
import { addressOf, shortDigest } from '../../reference.ts'
import { formatCommand } from './layer-command.ts'

interface Row {
  readonly layer: ImageLayer
  /** From 1, the lowest first; undefined: it made no layer. */
  readonly position: number | undefined
  readonly key: number
}

/** What it is made of, step by step: the command, the size, and who else has the same. */
export function LayersTab({ image }: { readonly image: ImageDetails }) {
  const [showsEmpty, setShowsEmpty] = useState(false)
  const [, , addressWith] = useAddressState()
  const rows = number(image.layers)
  const real = rows.filter(({ position }) => position !== undefined)
  const emptyCount = rows.length - real.length
  if (rows.length === 0) return <Text>It has no layers.</Text>
  return (
    <Stack gap="md">
      <LayerBar rows={real} />
      {emptyCount > 0 && (
        <Switch
          label={`Show ${emptyCount} ${emptyCount === 1 ? 'step' : 'steps'} that made no layer`}
          checked={showsEmpty}
          onChange={(event) => setShowsEmpty(event.currentTarget.checked)}
        />
      )}
      <DataTable
        caption="Layers, the lowest first"
        columns={columnsFor((digest) => addressWith({ tab: 'files', layer: digest }))}
        rows={showsEmpty ? rows : real}
        keyOf={({ key }) => key}
      />
    </Stack>
  )
}

function number(layers: readonly ImageLayer[]): readonly Row[] {
  let position = 0
  return layers.map((layer, key) => {
    if (layer.digest === null) return { layer, key, position: undefined }
    position += 1
    return { layer, key, position }
  })
}

/** The table says the same in words. */
function LayerBar({ rows }: { readonly rows: readonly Row[] }) {
  const total = rows.reduce((sum, { layer }) => sum + layer.sizeBytes, 0)
  return (
    <div className="layer-bar-line">
      <div className="layer-bar" aria-hidden="true">
        {rows.map(({ layer, position, key }) => (
          <Tooltip
            key={key}
            label={`${position}: ${formatSize(layer.sizeBytes)}${layer.command ? `, ${formatCommand(layer.command).slice(0, 80)}` : ''}`}
          >
            <span className="layer-segment" style={{ flexGrow: Math.max(layer.sizeBytes, 1) }} />
          </Tooltip>
        ))}
      </div>
      <Text span size="sm">
        {rows.length} {rows.length === 1 ? 'layer' : 'layers'}, <Size bytes={total} />
      </Text>
    </div>
  )
}

function columnsFor(filesOf: (digest: string) => string): readonly Column<Row>[] {
  return [
    { title: '#', numeric: true, render: ({ position }) => position ?? '' },
    { title: 'Command', render: ({ layer }) => <Command layer={layer} /> },
    {
      title: 'Digest',
      render: ({ layer: { digest, isHere } }) =>
        digest !== null && (
          <span className="digest-link">
            <span className="mono" title={digest}>
              {shortDigest(digest)}
            </span>
            <CopyButton text={digest} label={`Copy ${shortDigest(digest)}`} />
            {!isHere && <Badge color="yellow">not here</Badge>}
          </span>
        ),
    },
    {
      title: 'Size',
      numeric: true,
      render: ({ layer, position }) => position !== undefined && <Size bytes={layer.sizeBytes} />,
    },
    { title: 'Also in', render: ({ layer }) => <SharedWith layer={layer} /> },
    {
      title: 'Files',
      silent: true,
      render: ({ layer: { digest, isHere }, position }) =>
        digest !== null &&
        isHere && (
          <Anchor component={Link} to={filesOf(digest)} aria-label={`Files of layer ${position}`}>
            Files
          </Anchor>
        ),
    },
  ]
}

/** Long ones are cut by the eye, not for the keyboard: all of it can be opened. */
function Command({ layer }: { readonly layer: ImageLayer }) {
  if (layer.command === null) {
    return (
      <Text span inherit c="dimmed">
        {layer.comment === null ? 'not said' : visible(layer.comment)}
      </Text>
    )
  }
  const command = formatCommand(layer.command)
  const short = command.length > 120 || command.includes('\n')
  if (!short) return <span className="mono layer-command">{command}</span>
  return (
    <details className="layer-command">
      <summary className="mono">{command.replaceAll(/\s+/g, ' ').slice(0, 110)}…</summary>
      <pre className="mono">{command.replaceAll(/(\s*)&& /g, '\n  && ')}</pre>
    </details>
  )
}

function SharedWith({ layer }: { readonly layer: ImageLayer }) {
  const { digest, otherImages, otherRepositories } = layer
  if (digest === null) return null
  const images = `${otherImages >= 100 ? 'over 99' : otherImages} ${otherImages === 1 ? 'image' : 'images'}`
  if (otherImages === 0 && otherRepositories.length === 0) {
    return (
      <Text span inherit c="dimmed">
        nothing else
      </Text>
    )
  }
  return (
    <span className="shared-with">
      {otherImages > 0 && <span>{images} here</span>}
      {otherRepositories.slice(0, 3).map(({ feed, repository }) => (
        <Anchor
          key={`${feed}/${repository}`}
          component={Link}
          to={addressOf({ feed, repository })}
          className="mono"
        >
          {feed}/{repository}
        </Anchor>
      ))}
      {otherRepositories.length > 3 && <span>and {otherRepositories.length - 3} more</span>}
    </span>
  )
}
