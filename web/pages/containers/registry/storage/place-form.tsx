import { Button, Group, Modal, Stack } from '@mantine/core'
import { type UseFormReturnType, useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import { api } from '../../../../../contract/api.ts'
import type { FeedStorage, StoreKind } from '../../../../../contract/storage.ts'
import { fieldProblems } from '../../../../call.ts'
import { useCall } from '../../../../queries/calls.ts'
import { PlaceConfirm } from './place-confirm.tsx'
import { PlaceFields } from './place-fields.tsx'
import { type PlaceValues, placeValuesOf, storageOf } from './place-values.ts'
import { Trial } from './trial.tsx'

/** Chooses another place, or how this one is spoken to; tries it, and asks before it is so. */
export function PlaceForm(props: {
  readonly feed: string
  readonly kinds: readonly StoreKind[]
  readonly current: FeedStorage
  readonly onClose: () => void
}) {
  const { feed, kinds, current, onClose } = props
  const form = useForm<PlaceValues>({ initialValues: placeValuesOf(kinds, current) })
  const [isAsked, setAsked] = useState(false)
  const wanted = storageOf(kinds, form.values)
  const trial = useTrial(form)
  const save = useCall(api.storage.set, [api.storage.get, api.storage.stores, api.jobs.runs])
  const kind = kinds.find(({ id }) => id === form.values.id)
  if (kind === undefined) return null
  const ask = () => {
    save.reset()
    setAsked(true)
  }
  const store = () =>
    save.mutate(
      { query: { feed }, body: wanted },
      {
        onSuccess: ({ moving }) => {
          notifications.show({
            message: moving
              ? `What is pushed to ${feed} goes there now; the rest is being moved.`
              : `What is pushed to ${feed} goes there now.`,
          })
          onClose()
        },
        onError: (error) => {
          // What is wrong with a field is told below that field.
          if (showProblems(form, error)) setAsked(false)
        },
      },
    )
  return (
    <>
      <Modal
        opened={!isAsked}
        onClose={onClose}
        title={`Where ${feed} keeps its images`}
        size="lg"
        closeOnClickOutside={false}
      >
        <form noValidate onSubmit={form.onSubmit(ask)}>
          <Stack gap="sm">
            <PlaceFields
              {...{ form, kinds, kind }}
              kept={kind.id === current.id ? current.secrets : []}
            />
            <Trial {...trial} isOld={trial.isOld(wanted)} onTest={() => trial.run(wanted)} />
            <Group justify="flex-end" gap="xs" mt="sm">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit">Save…</Button>
            </Group>
          </Stack>
        </form>
      </Modal>
      {isAsked && (
        <PlaceConfirm
          {...{ feed, kind, current, wanted }}
          isTested={trial.result?.works === true && !trial.isOld(wanted)}
          busy={save.isPending}
          error={save.error}
          onConfirm={store}
          onClose={() => setAsked(false)}
        />
      )}
    </>
  )
}

type Wanted = ReturnType<typeof storageOf>

/** The last test, which holds for what it was made with. */
function useTrial(form: UseFormReturnType<PlaceValues>) {
  const [error, setError] = useState<Error | null>(null)
  const test = useCall(api.storage.test)
  return {
    result: test.data,
    error,
    isPending: test.isPending,
    isOld: (wanted: Wanted) => JSON.stringify(test.variables?.body) !== JSON.stringify(wanted),
    run(wanted: Wanted) {
      form.clearErrors()
      setError(null)
      test.mutate(
        { body: wanted },
        {
          onError: (reason) => {
            if (!showProblems(form, reason)) setError(reason)
          },
        },
      )
    },
  }
}

/** Shows what the server says of fields below them; whether that was all of it. */
function showProblems(form: UseFormReturnType<PlaceValues>, error: unknown): boolean {
  const { id } = form.values
  const problems = Object.entries(fieldProblems(error))
  const isField = (name: string) => Object.hasOwn(form.values[id], name)
  if (problems.length === 0 || !problems.every(([name]) => isField(name))) return false
  form.setErrors(Object.fromEntries(problems.map(([name, text]) => [`${id}.${name}`, text])))
  return true
}
