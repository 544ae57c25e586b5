import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Failure } from './states.tsx'

/**
 * Asks before something goes, naming it: the verb stands on the button ("Delete 3 tags"). With
 * `typed` the name must be written down first; for what cannot be had back.
 */
export function Confirm(props: {
  readonly opened: boolean
  /** "Delete the user ana?" */
  readonly title: string
  /** What goes, and what stays. */
  readonly children: ReactNode
  readonly verb: string
  /** Red, unless nothing goes by it. */
  readonly color?: string
  readonly typed?: string
  /** It cannot be done as it stands; the children say why. */
  readonly blocked?: boolean
  readonly busy: boolean
  readonly error: unknown
  readonly onConfirm: () => void
  readonly onClose: () => void
}) {
  const {
    opened,
    title,
    verb,
    color = 'red',
    typed,
    blocked,
    busy,
    error,
    onConfirm,
    onClose,
  } = props
  const [written, setWritten] = useState('')
  const close = () => {
    setWritten('')
    onClose()
  }
  const ready = !blocked && (typed === undefined || written === typed)
  return (
    <Modal opened={opened} onClose={close} title={title} centered>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (ready) onConfirm()
        }}
      >
        <Stack gap="md">
          <div>{props.children}</div>
          {typed !== undefined && (
            <TextInput
              label={
                <>
                  Type{' '}
                  <Text span className="mono" fw={600}>
                    {typed}
                  </Text>{' '}
                  to confirm
                </>
              }
              value={written}
              onChange={(event) => setWritten(event.currentTarget.value)}
              data-autofocus
              autoComplete="off"
            />
          )}
          {error != null && <Failure error={error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" color={color} loading={busy} disabled={!ready}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
