import { Button, Stack, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { useNavigate } from '@tanstack/react-router'
import { api } from '../../../../contract/api.ts'
import type { RegistryOverview } from '../../../../contract/registries.ts'
import { Confirm } from '../../../parts/confirm.tsx'
import { counted } from '../../../parts/count.tsx'
import { useRemoval } from '../../../queries/removal.ts'

/** What cannot be undone. */
export function DangerZone({ registry }: { readonly registry: RegistryOverview }) {
  const { name, repositories, tags, images } = registry
  const [opened, { open, close }] = useDisclosure(false)
  const navigate = useNavigate()
  const remove = useRemoval(api.feeds.delete, [api.registries.list, api.feeds.list], async () => {
    notifications.show({ message: `The registry ${name} is deleted. The audit log has it.` })
    await navigate({ to: '/containers' })
  })
  const what = `${counted(repositories, 'repository', 'repositories')}, ${counted(tags, 'tag')} and ${counted(images, 'image')}`
  return (
    <Stack gap="xs" align="flex-start" className="danger">
      <Title order={2}>Delete this registry</Title>
      <Text maw="60ch">
        It is out of reach at once, with everything in it and its permissions. To only close it for
        a while, switch off "Active" in its properties.
      </Text>
      <Button color="red" variant="outline" onClick={open}>
        Delete the registry…
      </Button>
      <Confirm
        opened={opened}
        title={`Delete the registry ${name}?`}
        verb="Delete the registry"
        typed={name}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate({ params: { name } })}
        onClose={close}
      >
        <Text>
          {what} go with it. Nobody can pull them from here any more. This cannot be undone.
        </Text>
      </Confirm>
    </Stack>
  )
}
