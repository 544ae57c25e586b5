import { Button, Group, Select, Stack, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../../../contract/api.ts'
import type { RegistryOverview } from '../../../../contract/registries.ts'
import { Failure } from '../../../parts/states.tsx'
import { pageQuery, useCall } from '../../../queries/calls.ts'
import { everyone, viewTask } from './public-access.ts'

const alwaysThere = [
  { value: `user:${everyone}`, label: 'Everyone, without a login too' },
  { value: 'user:Authenticated', label: 'Whoever has logged in' },
  { value: 'user:Anonymous', label: 'Only who has not logged in' },
]
const searchPauseMs = 200

/** Whom, and it is done: to view and pull unless another task is chosen. */
export function AddPermission({ registry }: { readonly registry: RegistryOverview }) {
  const [whom, setWhom] = useState<string | null>(null)
  const [task, setTask] = useState(viewTask)
  const [repositories, setRepositories] = useState('')
  const add = useCall(api.securityPermissions.add, [
    api.securityPermissions.list,
    api.registries.get,
  ])
  const submit = () => {
    if (whom === null) return
    const [kind = '', ...name] = whom.split(':')
    const principal = kind === 'group' ? { group: name.join(':') } : { user: name.join(':') }
    const pattern = repositories.trim()
    const where = { feed: registry.name, ...(pattern !== '' && { repositories: pattern }) }
    const onSuccess = () => {
      setWhom(null)
      notifications.show({ message: `Added: ${name.join(':')} may ${task} in ${registry.name}.` })
    }
    add.mutate({ body: { task, ...principal, ...where } }, { onSuccess })
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <Stack gap="xs">
        <Group gap="xs" align="flex-end">
          <Whom value={whom} onChange={setWhom} />
          <TaskField value={task} onChange={setTask} />
          <TextInput
            label="In repositories"
            placeholder="all, or team/**"
            spellCheck={false}
            value={repositories}
            onChange={(event) => setRepositories(event.currentTarget.value)}
          />
          <Button type="submit" loading={add.isPending} disabled={whom === null}>
            Add the permission
          </Button>
        </Group>
        {add.error && <Failure error={add.error} />}
      </Stack>
    </form>
  )
}

interface Field<Value> {
  readonly value: Value
  readonly onChange: (value: Value) => void
}

function TaskField({ value, onChange }: Field<string>) {
  const { data } = useQuery(pageQuery(api.securityTasks.list, { query: { count: '1000' } }))
  const tasks = (data?.items ?? []).map(({ name }) => name)
  return (
    <Select
      label="May"
      w={260}
      data={tasks.includes(value) ? tasks : [value, ...tasks]}
      value={value}
      allowDeselect={false}
      onChange={(chosen) => onChange(chosen ?? value)}
    />
  )
}

/** Users are looked for by the server; there may be thousands. */
function Whom({ value, onChange }: Field<string | null>) {
  const [written, setWritten] = useState('')
  const [term] = useDebouncedValue(written.trim(), searchPauseMs)
  const users = useQuery(
    pageQuery(api.securityUsers.list, {
      query: { count: '20', ...(term !== '' && { 'search-term': term }) },
    }),
  )
  const groups = useQuery(pageQuery(api.securityGroups.list, { query: { count: '1000' } }))
  const data = [
    { group: 'Always there', items: alwaysThere },
    { group: 'Groups', items: itemsOf('group', groups.data?.items) },
    { group: 'Users', items: itemsOf('user', users.data?.items) },
  ]
  const known = data.some(({ items }) => items.some((item) => item.value === value))
  const chosen = value === null || known ? [] : [{ value, label: value.replace(/^\w+:/, '') }]
  return (
    <Select
      label="Who"
      placeholder="A user or a group"
      data={[...data, ...chosen]}
      searchable
      searchValue={written}
      onSearchChange={setWritten}
      nothingFoundMessage="Nobody of that name"
      value={value}
      onChange={onChange}
    />
  )
}

function itemsOf(kind: string, items: readonly { readonly name: string }[] = []) {
  return items.map(({ name }) => ({ value: `${kind}:${name}`, label: name }))
}
