import { Button, Group, Modal, Stack } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { fieldProblems } from '../call.ts'
import { Failure } from './states.tsx'

/**
 * A form over the page. What the server says of a field stands below that field, the rest on top.
 * It is there while it is rendered: leave it out to close it.
 */
export function FormDialog<Values extends Record<string, unknown>>(props: {
  readonly title: string
  readonly verb: string
  readonly form: UseFormReturnType<Values>
  readonly submit: (values: Values) => Promise<unknown>
  readonly onClose: () => void
  readonly children: ReactNode
}) {
  const { title, verb, form, submit, onClose, children } = props
  const save = useMutation({
    mutationFn: submit,
    onSuccess: onClose,
    onError: (error) => form.setErrors(fieldProblems(error)),
  })
  return (
    <Modal opened onClose={onClose} title={title} size="lg">
      <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
        <Stack gap="sm">
          {save.error && !areAllShown(save.error, form.values) && <Failure error={save.error} />}
          {children}
          <Group justify="flex-end" gap="xs" mt="sm">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={save.isPending}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

/** Whether each problem has a field here to stand below. */
function areAllShown(error: unknown, values: Readonly<Record<string, unknown>>): boolean {
  const fields = Object.keys(fieldProblems(error))
  return fields.length > 0 && fields.every((field) => Object.hasOwn(values, field))
}
