import { Anchor, Button, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { GroupInfo } from '../../../contract/security-groups.ts'
import type { Column } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { useCall } from '../../queries/calls.ts'
import { useUserNames } from '../../queries/names.ts'

/** Groups of users: what permissions are given to. */
export function GroupsPage() {
  const [edited, setEdited] = useState<GroupInfo | 'new'>()
  const add = (
    <Button leftSection={<Icon name="add" size={16} />} onClick={() => setEdited('new')}>
      New group
    </Button>
  )
  return (
    <Page title="Groups" wide actions={add}>
      <PagedList
        route={api.securityGroups.list}
        caption="Groups"
        columns={columnsWith(setEdited)}
        keyOf={({ name }) => name}
        empty={
          <Empty title="No group yet">
            Put users into groups, and give the groups permissions: who changes places then changes
            a group, nothing else. Groups of a directory count when one of that name is here.
          </Empty>
        }
      />
      {edited && (
        <GroupForm
          group={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
    </Page>
  )
}

function columnsWith(edit: (group: GroupInfo) => void): readonly Column<GroupInfo>[] {
  return [
    {
      title: 'Group',
      render: (group) => (
        <Anchor component="button" type="button" onClick={() => edit(group)}>
          {group.name}
        </Anchor>
      ),
    },
    { title: 'Description', render: ({ description }) => description },
    { title: 'Users', numeric: true, render: ({ users }) => users.length },
    { title: 'Actions', silent: true, render: (group) => <DeleteGroup group={group} /> },
  ]
}

function DeleteGroup({ group }: { readonly group: GroupInfo }) {
  const remove = useCall(api.securityGroups.delete, [
    api.securityGroups.list,
    api.securityPermissions.list,
  ])
  return (
    <DeleteButton
      what={`the group ${group.name}`}
      onDelete={() => remove.mutateAsync({ query: { group: group.name } })}
    >
      Its permissions go too. Its {group.users.length} users stay.
    </DeleteButton>
  )
}

function GroupForm(props: { readonly group: GroupInfo | undefined; readonly onClose: () => void }) {
  const { group, onClose } = props
  const [typed, setTyped] = useState('')
  const userNames = useUserNames(typed)
  const refreshes = [api.securityGroups.list, api.securityUsers.list]
  const add = useCall(api.securityGroups.add, refreshes)
  const update = useCall(api.securityGroups.update, refreshes)
  const form = useForm({
    initialValues: {
      name: group?.name ?? '',
      description: group?.description ?? '',
      users: [...(group?.users ?? [])],
    },
  })
  return (
    <FormDialog
      title={group ? `The group ${group.name}` : 'New group'}
      verb={group ? 'Save' : 'Add the group'}
      {...{ form, onClose }}
      submit={(body) => (group ? update : add).mutateAsync({ body })}
    >
      {!group && <TextInput label="Name" required data-autofocus {...form.getInputProps('name')} />}
      <Textarea label="Description (optional)" autosize {...form.getInputProps('description')} />
      <TagsInput
        label="Users (optional)"
        description="Those whom a directory put here stay."
        data={userNames}
        searchValue={typed}
        onSearchChange={setTyped}
        {...form.getInputProps('users')}
      />
    </FormDialog>
  )
}
