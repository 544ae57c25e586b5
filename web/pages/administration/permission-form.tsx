import { Autocomplete, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { isVirtualGroup, virtualGroups } from '../../parts/rule-words.ts'
import { useCall } from '../../queries/calls.ts'
import {
  useFeedGroupNames,
  useFeedNames,
  useGroupNames,
  useTaskNames,
  useUserNames,
} from '../../queries/names.ts'

const empty = {
  kind: 'group',
  group: '',
  user: '',
  deny: 'may',
  task: '',
  place: 'everywhere',
  feed: '',
  feedGroup: '',
  repositories: '',
}
type Values = typeof empty

/** Who, may or may not, what, where. `feed` fills in the registry whose page it was opened from. */
export function PermissionForm(props: { readonly feed?: string; readonly onClose: () => void }) {
  const { feed, onClose } = props
  const add = useCall(api.securityPermissions.add, [
    api.securityPermissions.list,
    api.privileges.list,
  ])
  const tasks = useTaskNames()
  const form = useForm<Values>({
    initialValues: { ...empty, ...(feed !== undefined && { place: 'feed', feed }) },
  })
  return (
    <FormDialog
      title="New permission"
      verb="Add the permission"
      {...{ form, onClose }}
      submit={(values) => add.mutateAsync({ body: bodyOf(values) })}
    >
      <Who form={form} />
      <SegmentedControl
        aria-label="Permission or restriction"
        data={[
          { value: 'may', label: 'may' },
          { value: 'may not', label: 'may not' },
        ]}
        {...form.getInputProps('deny')}
      />
      <Select
        label="Task"
        description="A set of rights; see the tasks."
        required
        withAsterisk={false}
        searchable
        data={tasks}
        {...form.getInputProps('task')}
      />
      <Place form={form} />
    </FormDialog>
  )
}

interface Part {
  readonly form: ReturnType<typeof useForm<Values>>
}

function Who({ form }: Part) {
  const { kind, user } = form.values
  const groups = useGroupNames()
  const users = useUserNames(user)
  return (
    <>
      <SegmentedControl
        aria-label="A group or a user"
        data={[
          { value: 'group', label: 'A group' },
          { value: 'user', label: 'A user' },
        ]}
        {...form.getInputProps('kind')}
      />
      {kind === 'group' ? (
        <Autocomplete
          label="Group"
          required
          withAsterisk={false}
          data={[...virtualGroups, ...groups]}
          {...form.getInputProps('group')}
        />
      ) : (
        <Autocomplete
          label="User"
          required
          withAsterisk={false}
          data={users}
          {...form.getInputProps('user')}
        />
      )}
    </>
  )
}

function Place({ form }: Part) {
  const { place } = form.values
  const feeds = useFeedNames()
  const feedGroups = useFeedGroupNames()
  return (
    <>
      <SegmentedControl
        aria-label="Where"
        data={[
          { value: 'everywhere', label: 'Everywhere' },
          { value: 'feedGroup', label: 'In a feed group' },
          { value: 'feed', label: 'In a registry' },
        ]}
        {...form.getInputProps('place')}
      />
      {place === 'feedGroup' && (
        <Autocomplete
          label="Feed group"
          required
          withAsterisk={false}
          data={feedGroups}
          {...form.getInputProps('feedGroup')}
        />
      )}
      {place === 'feed' && (
        <>
          <Autocomplete
            label="Registry"
            required
            withAsterisk={false}
            data={feeds}
            {...form.getInputProps('feed')}
          />
          <TextInput
            label="Repositories (empty: all)"
            description="A pattern: team/* is team/app, team/** also team/app/web."
            {...form.getInputProps('repositories')}
          />
        </>
      )}
    </>
  )
}

function bodyOf(values: Values) {
  const { kind, user, group, deny, task, place, feed, feedGroup, repositories } = values
  return {
    task,
    deny: deny === 'may not',
    ...(kind === 'user' ? { user } : isVirtualGroup(group) ? { user: group } : { group }),
    ...(place === 'feedGroup' && { feedGroup }),
    ...(place === 'feed' && { feed, ...(repositories !== '' && { repositories }) }),
  }
}
