import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { ImageDetails } from '../../../contract/images.ts'
import { callQuery } from '../../queries/calls.ts'
import { useStays } from '../../queries/removal.ts'
import { addressOf } from '../../reference.ts'
import { DeleteDialog } from '../containers/repository/delete-dialog.tsx'

/** The tag alone or the image with all its tags; without a tag in the address the image. */
export function DeleteImage({ image }: { readonly image: ImageDetails }) {
  const { feed, repository: repo, tag, digest } = image
  const query = callQuery(api.repositories.get, { query: { feed, repo } })
  const { data: repository } = useQuery({ ...query, enabled: useStays() })
  const [opened, { open, close }] = useDisclosure(false)
  const navigate = useNavigate()
  if (!repository?.canDelete) return null
  return (
    <>
      <Button variant="default" size="xs" onClick={open}>
        Delete…
      </Button>
      {opened && (
        <DeleteDialog
          repository={repository}
          {...(tag === null ? { images: [digest] } : { tags: [{ name: tag, digest }] })}
          onClose={close}
          onDone={() => navigate({ to: addressOf({ feed, repository: repo }) })}
        />
      )}
    </>
  )
}
