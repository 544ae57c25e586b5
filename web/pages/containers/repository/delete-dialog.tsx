import { Button, Checkbox, Group, Modal, SegmentedControl, Stack } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../../../contract/api.ts'
import { call } from '../../../../contract/call.ts'
import type { DeletionPreview } from '../../../../contract/deletions.ts'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import { client } from '../../../call.ts'
import { counted } from '../../../parts/count.tsx'
import { Failure, Waiting } from '../../../parts/states.tsx'
import { pollMs } from '../../../queries/query-client.ts'
import { useRemoval } from '../../../queries/removal.ts'
import { WhatGoes } from './what-goes.tsx'

interface Tag {
  readonly name: string
  readonly digest: string
}
type Depth = 'tags' | 'images'

/** What of a repository changes when something in it is deleted. */
const refreshed = [
  api.tags.list,
  api.images.untagged,
  api.repositories.get,
  api.repositories.list,
  api.registries.get,
]

/**
 * Deletes tags, alone or with the images behind them, or images by digest. What goes and what stays
 * is shown first.
 */
export function DeleteDialog(props: {
  readonly repository: RepositoryDetails
  readonly tags?: readonly Tag[]
  readonly images?: readonly string[]
  readonly onClose: () => void
  readonly onDone?: () => Promise<void> | void
}) {
  const { repository, tags = [], images = [], onClose, onDone } = props
  const [depth, setDepth] = useState<Depth>(tags.length > 0 ? 'tags' : 'images')
  const [force, setForce] = useState(false)
  const body = bodyOf(repository, tags, images, depth, force)
  const preview = useQuery({
    queryKey: [api.deletions.preview.path, body],
    queryFn: ({ signal }) => call({ ...client, signal }, api.deletions.preview, { body }),
    placeholderData: keepPreviousData,
    staleTime: 0,
    // Pushes go on while somebody reads: what is shown is what would go now.
    refetchInterval: pollMs,
  })
  const run = useRemoval(api.deletions.run, refreshed, async (done) => {
    notifications.show({ message: outcomeOf(done), autoClose: 8000 })
    await onDone?.()
    onClose()
  })
  return (
    <Modal opened onClose={onClose} title={titleOf(tags, images)} size="lg">
      <Stack gap="md">
        {tags.length > 0 && <DepthField value={depth} onChange={setDepth} count={tags.length} />}
        {preview.data ? (
          <WhatGoes preview={preview.data} />
        ) : preview.error ? (
          <Failure error={preview.error} onRetry={() => void preview.refetch()} />
        ) : (
          <Waiting rows={3} />
        )}
        {(force || (preview.data?.refused.length ?? 0) > 0) && (
          <Checkbox
            label="Delete also what an index lists: that index then has a hole, and pulling it fails for that platform"
            checked={force}
            onChange={(event) => setForce(event.currentTarget.checked)}
          />
        )}
        {run.error && <Failure error={run.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} data-autofocus>
            Cancel
          </Button>
          <Button
            color="red"
            loading={run.isPending}
            disabled={
              preview.data === undefined || preview.isPlaceholderData || isNothing(preview.data)
            }
            onClick={() => run.mutate({ body: { ...body, pointing: shownIn(preview.data) } })}
          >
            {verbOf(preview.data, depth)}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function DepthField(props: {
  readonly value: Depth
  readonly onChange: (value: Depth) => void
  readonly count: number
}) {
  const { value, onChange, count } = props
  return (
    <SegmentedControl
      aria-label="How much to delete"
      fullWidth
      value={value}
      onChange={(chosen) => onChange(chosen === 'images' ? 'images' : 'tags')}
      data={[
        { value: 'tags', label: count === 1 ? 'The tag alone' : 'The tags alone' },
        {
          value: 'images',
          label: count === 1 ? 'The image with all its tags' : 'The images with all their tags',
        },
      ]}
    />
  )
}

function bodyOf(
  { feed, name: repo }: RepositoryDetails,
  tags: readonly Tag[],
  images: readonly string[],
  depth: Depth,
  force: boolean,
) {
  const place = { feed, repo, ...(force && { force }) }
  if (depth === 'tags') return { ...place, tags: tags.map(({ name }) => name) }
  return { ...place, images: [...new Set([...tags.map(({ digest }) => digest), ...images])] }
}

/** Where the tags point that somebody saw and agreed to: what was pushed since then stays. */
function shownIn(preview: DeletionPreview | undefined): Record<string, string> {
  const asked = (preview?.tags ?? []).filter((tag) => tag.asked)
  return Object.fromEntries(asked.map(({ name, digest }) => [name, digest]))
}

function titleOf(tags: readonly Tag[], images: readonly string[]): string {
  const [tag, ...otherTags] = tags
  if (tag === undefined) return `Delete ${counted(images.length, 'image')}?`
  return otherTags.length === 0 ? `Delete ${tag.name}?` : `Delete ${tags.length} tags?`
}

function isNothing({ tags, images }: DeletionPreview): boolean {
  return tags.length === 0 && images.length === 0
}

function verbOf(preview: DeletionPreview | undefined, depth: Depth): string {
  if (preview === undefined) return 'Delete'
  const { tags, images } = preview
  if (depth === 'tags') return `Delete ${counted(tags.length, 'tag')}`
  const also = tags.length > 0 ? ` and ${counted(tags.length, 'tag')}` : ''
  return `Delete ${counted(images.length, 'image')}${also}`
}

function outcomeOf(done: {
  readonly tags: readonly string[]
  readonly images: readonly string[]
  readonly moved: readonly string[]
  readonly refused: readonly unknown[]
}): string {
  const gone = [
    ...(done.images.length > 0 ? [counted(done.images.length, 'image')] : []),
    ...(done.tags.length > 0 ? [counted(done.tags.length, 'tag')] : []),
  ]
  const deleted = gone.length === 0 ? 'Nothing was deleted.' : `Deleted ${gone.join(' and ')}.`
  const refused =
    done.refused.length > 0
      ? ` ${counted(done.refused.length, 'image')} stayed: an index lists it.`
      : ''
  const moved =
    done.moved.length > 0 ? ` Moved meanwhile, so it stayed: ${done.moved.join(', ')}.` : ''
  return `${deleted}${refused}${moved} The audit log has it.`
}
