import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation } from '@tanstack/react-query'
import { useSignOut } from '../../frame/user-menu.tsx'
import { Confirm } from '../../parts/confirm.tsx'

export function SignOutEverywhere() {
  const [opened, { open, close }] = useDisclosure(false)
  const leave = useSignOut()
  const everywhere = useMutation({ mutationFn: () => leave(true) })
  return (
    <div>
      <Button variant="default" onClick={open}>
        Sign out everywhere
      </Button>
      <Confirm
        opened={opened}
        onClose={close}
        title="Sign out everywhere?"
        verb="Sign out everywhere"
        busy={everywhere.isPending}
        error={everywhere.error}
        onConfirm={() => everywhere.mutate()}
      >
        All your sessions end, this one too, and what docker login keeps. API keys stay.
      </Confirm>
    </div>
  )
}
