import { Button, Checkbox, Radio, Stack } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import { call } from '../../../contract/call.ts'
import type { ImageDetails } from '../../../contract/images.ts'
import { client } from '../../call.ts'
import { Confirm } from '../../parts/confirm.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { callQuery, useCall } from '../../queries/calls.ts'
import { addressOf, shortDigest } from '../../reference.ts'
import { DeletionPreviewView } from './deletion-preview.tsx'

/** The tag alone or the image with all its tags; what goes is shown first. */
export function DeleteImage({ image }: { readonly image: ImageDetails }) {
  const { feed, repository: repo } = image
  const { data } = useQuery(callQuery(api.repositories.get, { query: { feed, repo } }))
  const [opened, { open, close }] = useDisclosure(false)
  if (!data?.canDelete) return null
  return (
    <>
      <Button variant="default" size="xs" onClick={open}>
        Delete…
      </Button>
      {opened && <DeleteDialog image={image} onClose={close} />}
    </>
  )
}

function DeleteDialog(props: { readonly image: ImageDetails; readonly onClose: () => void }) {
  const { feed, repository: repo, tag, digest } = props.image
  const [what, setWhat] = useState(tag === null ? 'image' : 'tag')
  const [force, setForce] = useState(false)
  const takesTag = what === 'tag' && tag !== null
  const body = { feed, repo, force, ...(takesTag ? { tags: [tag] } : { images: [digest] }) }
  const preview = usePreview(body)
  const deletion = useDeletion(props.image)
  const refused = (preview.data?.refused.length ?? 0) > 0
  const name = takesTag ? `the tag ${tag}` : `the image ${shortDigest(digest)}`
  return (
    <Confirm
      opened
      onClose={props.onClose}
      title={`Delete from ${feed}/${repo}?`}
      verb={`Delete ${name}`}
      blocked={!preview.data || refused}
      busy={deletion.isPending}
      error={deletion.error}
      onConfirm={() => deletion.mutate({ body })}
    >
      <Stack gap="sm">
        {tag !== null && (
          <Radio.Group value={what} onChange={setWhat} label="What is to go">
            <Stack gap={6} mt={4}>
              <Radio value="tag" label={`The tag ${tag} alone: its image stays`} />
              <Radio value="image" label="The image with all its tags" />
            </Stack>
          </Radio.Group>
        )}
        {preview.error && <Failure error={preview.error} onRetry={() => void preview.refetch()} />}
        {!preview.data && !preview.error && <Waiting rows={3} />}
        {preview.data && <DeletionPreviewView preview={preview.data} />}
        {(refused || force) && (
          <Checkbox
            label="Delete it all the same: the index then has a hole, and pulls of that platform fail"
            checked={force}
            onChange={(event) => setForce(event.currentTarget.checked)}
          />
        )}
      </Stack>
    </Confirm>
  )
}

interface Body {
  readonly feed: string
  readonly repo: string
  readonly force: boolean
  readonly tags?: string[]
  readonly images?: string[]
}

function usePreview(body: Body) {
  const route = api.deletions.preview
  return useQuery({
    queryKey: [route.path, body],
    queryFn: ({ signal }) => call({ ...client, signal }, route, { body }),
  })
}

function useDeletion({ feed, repository }: ImageDetails) {
  const navigate = useNavigate()
  const run = useCall(api.deletions.run, [api.tags.list, api.repositories.get])
  return {
    ...run,
    mutate: (input: { readonly body: Body }) =>
      run.mutate(input, {
        onSuccess: ({ tags, images, refused, missing }) => {
          const parts = [
            ...tags.map((tag) => `tag ${tag}`),
            ...images.map((digest) => `image ${shortDigest(digest)}`),
          ]
          notifications.show({
            title: parts.length === 0 ? 'Nothing was deleted' : `Deleted: ${parts.join(', ')}`,
            message: [
              refused.length > 0 && 'An index lists the image meanwhile: it stays.',
              missing.length > 0 && `Gone before: ${missing.join(', ')}.`,
              parts.length > 0 && 'The audit log has it.',
            ]
              .filter(Boolean)
              .join(' '),
          })
          void navigate({ to: addressOf({ feed, repository }) })
        },
      }),
  }
}
