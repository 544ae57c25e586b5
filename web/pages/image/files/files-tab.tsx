import { Select, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useState } from 'react'
import { api } from '../../../../contract/api.ts'
import type { FileList } from '../../../../contract/image-files.ts'
import type { ImageDetails } from '../../../../contract/images.ts'
import { useAddressState } from '../../../parts/address-state.ts'
import { Icon } from '../../../parts/icon.tsx'
import { formatSize } from '../../../parts/size.tsx'
import { formatCommand } from '../layer-command.ts'
import { type FilesPlace, useFilePages } from './file-pages.ts'
import { FileSearch } from './file-search.tsx'
import { FileTree } from './file-tree.tsx'
import { FileView } from './file-view.tsx'
import { FolderSummary } from './folder-summary.tsx'
import { Reading } from './reading.tsx'
import './files.css'

/** The files of the whole image, or what one of its layers did. */
export function FilesTab({ image }: { readonly image: ImageDetails }) {
  const [{ layer }] = useAddressState()
  const place: FilesPlace = {
    ...{ feed: image.feed, repo: image.repository, digest: image.digest },
    ...(layer !== undefined && { layer }),
  }
  const root = useFilePages(api.imageFiles.list, { ...place, path: '' })
  return (
    <Stack gap="sm">
      <FilesToolbar image={image} />
      <Reading answer={root.replies[0]} error={root.error} onRetry={root.retry}>
        {(ready) => <Browser key={layer} image={image} place={place} root={ready as FileList} />}
      </Reading>
    </Stack>
  )
}

function FilesToolbar({ image }: { readonly image: ImageDetails }) {
  const [{ find = '', layer }, setAddress] = useAddressState()
  const [text, setText] = useState(find)
  const search = useDebouncedCallback(
    (value: string) => setAddress({ find: value.trim() || undefined }),
    200,
  )
  return (
    <div className="files-toolbar">
      <Select
        label="Files of"
        data={layerChoices(image)}
        value={layer ?? ''}
        allowDeselect={false}
        onChange={(chosen) =>
          setAddress({ layer: chosen ?? undefined, path: undefined }, { asStep: true })
        }
      />
      <TextInput
        label="Search"
        placeholder="part of a path"
        leftSection={<Icon name="search" size={16} />}
        value={text}
        maxLength={200}
        spellCheck={false}
        autoCapitalize="none"
        onChange={(event) => {
          setText(event.currentTarget.value)
          search(event.currentTarget.value)
        }}
      />
    </div>
  )
}

function layerChoices({ layers }: ImageDetails) {
  const choices = new Map<string, string>()
  let position = 0
  for (const { digest, command, sizeBytes } of layers) {
    if (digest === null) continue
    position += 1
    const words = command === null ? digest.slice(0, 19) : formatCommand(command).slice(0, 60)
    // A layer that is there twice did the same both times.
    if (!choices.has(digest)) {
      choices.set(digest, `Layer ${position}, ${formatSize(sizeBytes)}: ${words}`)
    }
  }
  return [
    { value: '', label: 'The whole image' },
    ...[...choices].map(([value, label]) => ({ value, label })),
  ]
}

function Browser(props: {
  readonly image: ImageDetails
  readonly place: FilesPlace
  readonly root: FileList
}) {
  const { image, place, root } = props
  const [{ path = '', find = '' }, setAddress] = useAddressState()
  const open = (next: string) => setAddress({ path: next || undefined }, { asStep: true })
  if (root.layers.length === 0) return <Text>It has no layers, so no files.</Text>
  return (
    <div className="files-browser">
      <div className="files-left">
        {find === '' ? (
          <FileTree place={place} selected={path} onSelect={open} />
        ) : (
          <FileSearch place={place} find={find} selected={path} onSelect={open} />
        )}
      </div>
      <section className="files-right" aria-label="What is selected">
        {path === '' ? (
          <FolderSummary image={image} root={root} />
        ) : (
          <FileView key={path} image={image} place={place} path={path} />
        )}
      </section>
    </div>
  )
}
