import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Confirm } from './confirm.tsx'

/** Deletes one thing after asking: "the user ana". */
export function DeleteButton(props: {
  readonly what: string
  /** What goes with it, and what stays. */
  readonly children: ReactNode
  readonly onDelete: () => Promise<unknown>
  readonly verb?: string
  readonly typed?: string
}) {
  const { what, children, onDelete, verb = 'Delete', typed } = props
  const [opened, { open, close }] = useDisclosure(false)
  const remove = useMutation({
    mutationFn: onDelete,
    onSuccess: () => {
      close()
      notifications.show({ message: `${verb}d: ${what}. The audit has it.` })
    },
  })
  return (
    <>
      <Button size="compact-sm" variant="subtle" color="red" onClick={open}>
        {verb}
        <span className="for-readers"> {what}</span>
      </Button>
      <Confirm
        opened={opened}
        onClose={close}
        title={`${verb} ${what}?`}
        verb={verb}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        {...(typed !== undefined && { typed })}
      >
        {children}
      </Confirm>
    </>
  )
}
