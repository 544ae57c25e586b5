import { Button, Group, Modal, Radio, Select, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import { call } from '../../../contract/call.ts'
import { client, fieldProblems } from '../../call.ts'
import { Failure } from '../../parts/states.tsx'
import { pageQuery } from '../../queries/calls.ts'
import { useWhoami } from '../../queries/session.ts'
import { addressOf } from '../../reference.ts'
import { everyone, viewTask } from './registry/public-access.ts'

const names = 'Lower-case letters, digits, ".", "-" and "_": it stands in the name of each image.'

interface Wishes {
  readonly name: string
  readonly description: string
  readonly feedGroup: string | null
  readonly access: string
}

export function NewRegistry(props: { readonly opened: boolean; readonly onClose: () => void }) {
  return (
    <Modal opened={props.opened} onClose={props.onClose} title="New registry">
      <NewRegistryForm onClose={props.onClose} />
    </Modal>
  )
}

function NewRegistryForm({ onClose }: { readonly onClose: () => void }) {
  const { administrator } = useWhoami()
  const initialValues: Wishes = { name: '', description: '', feedGroup: null, access: 'private' }
  const form = useForm({
    initialValues,
    validate: { name: (value) => (value === '' ? 'Give it a name, such as main.' : null) },
  })
  const create = useCreate((error) => form.setErrors(fieldProblems(error)))
  const hasFields = Object.keys(fieldProblems(create.error)).some((field) => field in initialValues)
  return (
    <form noValidate onSubmit={form.onSubmit((wishes) => create.mutate(wishes))}>
      <Stack gap="md">
        {create.error !== null && !hasFields && <Failure error={create.error} />}
        <TextInput
          label="Name"
          description={names}
          data-autofocus
          required
          spellCheck={false}
          autoComplete="off"
          {...form.getInputProps('name')}
        />
        <TextInput
          label="Description (optional)"
          maxLength={2000}
          {...form.getInputProps('description')}
        />
        {administrator && <GroupField {...form.getInputProps('feedGroup')} />}
        {administrator && (
          <Radio.Group label="Who may pull" {...form.getInputProps('access')}>
            <Stack gap="xs" mt={4}>
              <Radio value="private" label="Whom a permission lets in" />
              <Radio value="public" label="Anybody who reaches this server, without a login" />
            </Stack>
          </Radio.Group>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending}>
            Create the registry
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function GroupField(input: ReturnType<ReturnType<typeof useForm>['getInputProps']>) {
  const { data } = useQuery(pageQuery(api.feedGroups.list, { query: { count: '1000' } }))
  const groups = data?.items ?? []
  if (groups.length === 0) return null
  return (
    <Select
      label="Feed group (optional)"
      description="Permissions of the group count for it too."
      data={groups.map(({ name }) => name)}
      clearable
      searchable
      {...input}
    />
  )
}

/** Makes it, opens it to everybody if so wished, and leads there. */
function useCreate(onError: (error: unknown) => void) {
  const queries = useQueryClient()
  const navigate = useNavigate()
  return useMutation({
    mutationFn: async ({ name, description, feedGroup, access }: Wishes) => {
      const body = { name: name.trim(), description, ...(feedGroup && { feedGroup }) }
      const made = await call(client, api.feeds.create, { body })
      if (access === 'public') {
        const rule = { task: viewTask, user: everyone, feed: made.name }
        await call(client, api.securityPermissions.add, { body: rule })
      }
      return made
    },
    onSuccess: async ({ name }) => {
      await queries.invalidateQueries({ queryKey: [api.registries.list.path] })
      await navigate({ to: addressOf({ feed: name }) })
    },
    onError,
  })
}
