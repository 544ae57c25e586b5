import { Button, Stack, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api } from '../../../../contract/api.ts'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import type { Reply } from '../../../../contract/route.ts'
import { Confirm } from '../../../parts/confirm.tsx'
import { counted } from '../../../parts/count.tsx'
import { formatSize } from '../../../parts/size.tsx'
import { Failure, Waiting } from '../../../parts/states.tsx'
import { Time } from '../../../parts/time.tsx'
import { callQuery } from '../../../queries/calls.ts'
import { useRemoval, useStays } from '../../../queries/removal.ts'
import { addressOf } from '../../../reference.ts'

/** Deletes a whole repository, after its name was typed. */
export function DeleteRepository({ repository }: { readonly repository: RepositoryDetails }) {
  const { feed, name } = repository
  const [opened, { open, close }] = useDisclosure(false)
  const query = { feed, repo: name }
  const stays = useStays()
  const preview = useQuery({
    ...callQuery(api.repositories.previewDelete, { query }),
    enabled: opened && stays,
  })
  const navigate = useNavigate()
  const refreshes = [api.repositories.list, api.registries.get]
  const remove = useRemoval(api.repositories.delete, refreshes, async () => {
    notifications.show({ message: `${name} is deleted. The audit log has it.` })
    await navigate({ to: addressOf({ feed }) })
  })
  return (
    <Stack gap="xs" align="flex-start" className="danger">
      <Title order={2}>Delete this repository</Title>
      <Text maw="60ch">
        It is gone at once, with all tags and images. The space is free when clean-up has run.
      </Text>
      <Button color="red" variant="outline" onClick={open}>
        Delete the repository…
      </Button>
      <Confirm
        opened={opened}
        title={`Delete ${name}?`}
        verb="Delete the repository"
        typed={name}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate({ query })}
        onClose={close}
      >
        {preview.data ? (
          <WhatIsIn deletion={preview.data} />
        ) : preview.error ? (
          <Failure error={preview.error} onRetry={() => void preview.refetch()} />
        ) : (
          <Waiting rows={2} />
        )}
      </Confirm>
    </Stack>
  )
}

type Preview = Reply<typeof api.repositories.previewDelete>

function WhatIsIn({ deletion }: { readonly deletion: Preview }) {
  const { tags, images, uploads, lastPush, lastPulled, freedBytes } = deletion
  return (
    <Stack gap="xs">
      <Text>
        {counted(tags, 'tag')} and {counted(images, 'image')} go
        {uploads > 0 && `, and ${counted(uploads, 'push', 'pushes')} under way`}. This cannot be
        undone.
        {freedBytes !== null &&
          ` Clean-up frees ${formatSize(freedBytes)}; layers that other images use stay.`}
      </Text>
      <Text size="sm">
        Last push: <Time at={lastPush?.at ?? null} />
        {lastPush && ` by ${lastPush.by}`}. Last pull: <Time at={lastPulled} />.
      </Text>
    </Stack>
  )
}
