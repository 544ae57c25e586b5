import { Anchor, Badge, Group, Stack, Text, Title } from '@mantine/core'
import { lazy, type ReactNode, Suspense } from 'react'
import { api } from '../../../../contract/api.ts'
import { addressOf } from '../../../../contract/call.ts'
import type { FileDetails, FileEntry } from '../../../../contract/image-files.ts'
import type { ImageDetails } from '../../../../contract/images.ts'
import { CopyButton } from '../../../parts/copy.tsx'
import { Facts } from '../../../parts/facts.tsx'
import { Size } from '../../../parts/size.tsx'
import { Waiting } from '../../../parts/states.tsx'
import { Time } from '../../../parts/time.tsx'
import { visible } from '../../../parts/visible.ts'
import { formatCommand } from '../layer-command.ts'
import { formatMode } from './file-mode.ts'
import { type FilesPlace, useFile } from './file-pages.ts'
import { Reading } from './reading.tsx'

const FileText = lazy(async () => ({ default: (await import('./file-text.tsx')).FileText }))

const typeNames = {
  file: 'file',
  directory: 'folder',
  symlink: 'symbolic link',
  'character-device': 'character device',
  'block-device': 'block device',
  fifo: 'named pipe',
} as const

/** One file: its content as far as it can be shown, and its facts. */
export function FileView(props: {
  readonly image: ImageDetails
  readonly place: FilesPlace
  readonly path: string
}) {
  const { image, place, path } = props
  const file = useFile(place, path)
  return (
    <Stack gap="sm">
      <Group gap={4} wrap="nowrap" className="file-heading">
        <Title order={2} className="mono">
          {visible(`/${path}`)}
        </Title>
        <CopyButton text={`/${path}`} label="Copy the path" />
      </Group>
      <Reading answer={file.data} error={file.error} onRetry={() => void file.refetch()}>
        {(details: FileDetails) => (
          <>
            <Content place={place} details={details} />
            <EntryFacts entry={details.entry} image={image} />
          </>
        )}
      </Reading>
    </Stack>
  )
}

function Content({
  place,
  details,
}: {
  readonly place: FilesPlace
  readonly details: FileDetails
}) {
  const { content, entry } = details
  if (entry.change === 'deleted') return <Text>This layer deleted it.</Text>
  if (entry.sparse) {
    return <Text>It is stored with holes: its content cannot be opened here. Pull the image.</Text>
  }
  if (content === null) return null
  const href = addressOf(api.imageFiles.download, { query: { ...place, path: entry.path } })
  const download = (
    <Anchor href={href} download={entry.name} className="file-download">
      Download (<Size bytes={entry.sizeBytes} />)
    </Anchor>
  )
  if (content.kind === 'image') {
    return (
      <>
        <img className="file-image" src={href} alt={entry.name} />
        <div>{download}</div>
      </>
    )
  }
  if (content.kind === 'binary') {
    return (
      <>
        <Text>It is no text, and no picture that browsers show.</Text>
        <div>{download}</div>
      </>
    )
  }
  if (content.text === '') return <Text>The file is empty.</Text>
  return (
    <>
      {content.truncated && <Text size="sm">The beginning of it; the download has all.</Text>}
      <Suspense fallback={<Waiting />}>
        <FileText name={entry.name} text={content.text} />
      </Suspense>
      <div>{download}</div>
    </>
  )
}

function EntryFacts({ entry, image }: { readonly entry: FileEntry; readonly image: ImageDetails }) {
  const { type, sizeBytes, mode, uid, gid, modified, linkTarget, device, sha256, change } = entry
  const isThere = change !== 'deleted'
  return (
    <Facts
      facts={{
        What: typeNames[type],
        'Leads to': linkTarget !== null && <span className="mono">{visible(linkTarget)}</span>,
        Size: isThere && type === 'file' && <Size bytes={sizeBytes} />,
        Mode: isThere && <span className="mono">{formatMode(mode, type)}</span>,
        Owner: isThere && `user ${uid}, group ${gid}`,
        Modified: modified !== null && <Time at={modified} />,
        Device: device,
        'SHA-256': sha256 !== null && <span className="mono">{sha256}</span>,
        Layer: layerInWords(entry.layer, image),
        'The layer': change !== null && `${change} it`,
        'In the image': entry.hidden && <Badge color="gray">something else, or nothing</Badge>,
      }}
    />
  )
}

function layerInWords(digest: string, { layers }: ImageDetails): ReactNode {
  const real = layers.filter((layer) => layer.digest !== null)
  const at = real.findIndex((layer) => layer.digest === digest)
  const command = real[at]?.command
  return (
    <>
      {at < 0 ? '' : `${at + 1}: `}
      <span className="mono">{command ? formatCommand(command).slice(0, 200) : digest}</span>
    </>
  )
}
