import {
  Autocomplete,
  Badge,
  Button,
  Group,
  SegmentedControl,
  Stack,
  TextInput,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api } from '../../../contract/api.ts'
import type { Privilege } from '../../../contract/privileges.ts'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { ruleInWords, virtualGroups } from '../../parts/rule-words.ts'
import { Empty, Failure, Waiting } from '../../parts/states.tsx'
import { callQuery } from '../../queries/calls.ts'
import { useFeedNames, useGroupNames, useUserNames } from '../../queries/names.ts'

/** Who is asked about, and where. It stands in the address, so that it can be sent to somebody. */
export interface Asked {
  readonly user?: string
  readonly group?: string
  readonly feed?: string
  readonly repo?: string
}

/** What somebody may do somewhere: each right, with the rule that decides. */
export function EffectiveRights({ asked }: { readonly asked: Asked }) {
  return (
    <Stack gap="md">
      <Question key={JSON.stringify(asked)} asked={asked} />
      {asked.user === undefined && asked.group === undefined ? (
        <Empty title="Ask about somebody">
          The answer lists each right, with the permission or restriction that decides.
        </Empty>
      ) : (
        <Answer asked={asked} />
      )}
    </Stack>
  )
}

function Question({ asked }: { readonly asked: Asked }) {
  const navigate = useNavigate()
  const form = useForm({
    initialValues: {
      kind: asked.group === undefined ? 'user' : 'group',
      name: asked.user ?? asked.group ?? '',
      feed: asked.feed ?? '',
      repo: asked.repo ?? '',
    },
  })
  const { kind, name } = form.values
  const users = useUserNames(kind === 'user' ? name : '')
  const groups = useGroupNames()
  const feeds = useFeedNames()
  const ask = ({ kind: of, name: who, feed, repo }: typeof form.values) =>
    void navigate({
      to: '/administration/permissions',
      search: {
        tab: 'rights',
        ...(of === 'user' ? { user: who } : { group: who }),
        ...(feed !== '' && { feed, ...(repo !== '' && { repo }) }),
      },
    })
  return (
    <form onSubmit={form.onSubmit(ask)}>
      <Group align="end" gap="sm">
        <SegmentedControl
          aria-label="A user or a group"
          data={[
            { value: 'user', label: 'The user' },
            { value: 'group', label: 'The group' },
          ]}
          {...form.getInputProps('kind')}
        />
        <Autocomplete
          label="Name"
          required
          withAsterisk={false}
          data={kind === 'user' ? [...users, ...virtualGroups] : groups}
          {...form.getInputProps('name')}
        />
        <Autocomplete
          label="In the registry"
          placeholder="the server as a whole"
          data={feeds}
          {...form.getInputProps('feed')}
        />
        <TextInput label="Repository" placeholder="all of them" {...form.getInputProps('repo')} />
        <Button type="submit">Ask</Button>
      </Group>
    </form>
  )
}

function Answer({ asked }: { readonly asked: Asked }) {
  const { data, error, refetch } = useQuery(callQuery(api.privileges.list, { query: asked }))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  return (
    <DataTable
      caption={`What ${asked.user ?? asked.group} may do`}
      columns={columns}
      rows={data}
      keyOf={({ attribute }) => attribute}
    />
  )
}

const columns: readonly Column<Privilege>[] = [
  { title: 'Right', render: ({ attribute }) => <span className="mono">{attribute}</span> },
  {
    title: 'Answer',
    render: ({ allowed }) => (
      <Badge color={allowed ? 'green' : 'red'}>{allowed ? 'may' : 'may not'}</Badge>
    ),
  },
  {
    title: 'Because',
    render: ({ rule }) => (rule === null ? 'No rule speaks of it.' : ruleInWords(rule)),
  },
]
