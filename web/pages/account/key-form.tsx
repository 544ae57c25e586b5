import { Autocomplete, Checkbox, Group, Select, Switch, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import type { ApiKeyInfo } from '../../../contract/api-keys.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { useCall } from '../../queries/calls.ts'
import { useFeedNames } from '../../queries/names.ts'

type Type = ApiKeyInfo['type']

const typeWords: Readonly<Record<Type, string>> = {
  feed: 'For one registry',
  system: 'For the server: everything, or all registries',
  personal: 'My own: what I may do, or a part of it',
}
const permissionWords = [
  { value: 'view', label: 'View and pull' },
  { value: 'add', label: 'Push' },
  { value: 'promote', label: 'Promote' },
  { value: 'delete', label: 'Overwrite and delete' },
] as const

interface Values extends Record<string, unknown> {
  type: Type
  displayName: string
  description: string
  feed: string
  system: 'full-control' | 'feeds'
  packagePermissions: ('view' | 'add' | 'promote' | 'delete')[]
  repositories: string
  expiration: string
  logging: boolean
}

export function KeyForm(props: {
  readonly types: readonly Type[]
  readonly onClose: () => void
  readonly onMade: (key: ApiKeyInfo) => void
}) {
  const { types, onClose, onMade } = props
  const create = useCall(api.apiKeys.create, [api.apiKeys.list])
  const form = useForm<Values>({
    initialValues: {
      type: types[0] ?? 'personal',
      displayName: '',
      description: '',
      feed: '',
      system: 'feeds',
      packagePermissions: ['view'],
      repositories: '',
      expiration: '',
      logging: false,
    },
  })
  return (
    <FormDialog
      title="New API key"
      verb="Make the key"
      {...{ form, onClose }}
      submit={async (values) => onMade(await create.mutateAsync({ body: bodyOf(values) }))}
    >
      {types.length > 1 && (
        <Select
          label="What for"
          allowDeselect={false}
          data={types.map((value) => ({ value, label: typeWords[value] }))}
          {...form.getInputProps('type')}
        />
      )}
      <TextInput
        label="Name"
        description="Where it is used: the audit and this list call it so."
        required
        data-autofocus
        {...form.getInputProps('displayName')}
      />
      <Rights form={form} />
      <TextInput
        type="date"
        label="Good until (optional)"
        description="It ends at the beginning of that day, UTC."
        {...form.getInputProps('expiration')}
      />
      <Textarea label="Description (optional)" autosize {...form.getInputProps('description')} />
      <Switch
        label="Keep a list of its requests"
        {...form.getInputProps('logging', { type: 'checkbox' })}
      />
    </FormDialog>
  )
}

function Rights({ form }: { readonly form: ReturnType<typeof useForm<Values>> }) {
  const feeds = useFeedNames()
  const { type } = form.values
  if (type === 'system') {
    return (
      <Select
        label="May"
        allowDeselect={false}
        data={[
          { value: 'feeds', label: 'Everything in all registries' },
          { value: 'full-control', label: 'Everything on this server' },
        ]}
        {...form.getInputProps('system')}
      />
    )
  }
  return (
    <>
      {type === 'feed' && (
        <Autocomplete
          label="Registry"
          required
          withAsterisk={false}
          data={feeds}
          {...form.getInputProps('feed')}
        />
      )}
      <Checkbox.Group
        label="May"
        description="A key that pushes needs to view too."
        {...form.getInputProps('packagePermissions')}
      >
        <Group mt="xs">
          {permissionWords.map(({ value, label }) => (
            <Checkbox key={value} value={value} label={label} />
          ))}
        </Group>
      </Checkbox.Group>
      <TextInput
        label="Repositories (empty: all)"
        description="A pattern: team/* is team/app, team/** also team/app/web."
        {...form.getInputProps('repositories')}
      />
    </>
  )
}

function bodyOf(values: Values) {
  const { type, displayName, description, feed, system, packagePermissions } = values
  const { repositories, expiration, logging } = values
  return {
    type,
    displayName,
    description,
    logging: logging ? ('request' as const) : ('none' as const),
    ...(expiration !== '' && { expiration }),
    ...(type === 'system' && { systemApis: [system] }),
    ...(type === 'feed' && { feed }),
    ...(type !== 'system' && {
      packagePermissions,
      ...(repositories !== '' && { repositories }),
    }),
  }
}
