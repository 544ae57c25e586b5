import { Anchor, Button, MultiSelect, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Link } from '@tanstack/react-router'
import { Fragment, useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { FeedGroupInfo } from '../../../contract/feed-groups.ts'
import { counted } from '../../parts/count.tsx'
import type { Column } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { useCall } from '../../queries/calls.ts'
import { useFeedNames } from '../../queries/names.ts'
import { addressOf } from '../../reference.ts'

/** What else changes with a group: which registries are in one. */
const refreshes = [
  api.feedGroups.list,
  api.registries.list,
  api.registries.get,
  api.feeds.get,
  api.securityPermissions.list,
]

/** Groups of registries: permissions of one count in all of them. */
export function FeedGroupsPage() {
  const [edited, setEdited] = useState<FeedGroupInfo | 'new'>()
  const add = (
    <Button leftSection={<Icon name="add" size={16} />} onClick={() => setEdited('new')}>
      New feed group
    </Button>
  )
  return (
    <Page title="Feed groups" wide actions={add}>
      <PagedList
        route={api.feedGroups.list}
        caption="Feed groups"
        columns={columnsWith(setEdited)}
        keyOf={({ name }) => name}
        empty={
          <Empty title="No feed group yet">
            Put registries together, such as those of a team: a permission for the group counts in
            all of them, and the list of registries shows them together.
          </Empty>
        }
      />
      {edited && (
        <FeedGroupForm
          group={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
    </Page>
  )
}

function columnsWith(edit: (group: FeedGroupInfo) => void): readonly Column<FeedGroupInfo>[] {
  return [
    {
      title: 'Feed group',
      render: (group) => (
        <Anchor component="button" type="button" onClick={() => edit(group)}>
          {group.name}
        </Anchor>
      ),
    },
    { title: 'Registries', render: ({ feeds }) => <FeedLinks feeds={feeds} /> },
    { title: 'Actions', silent: true, render: (group) => <DeleteFeedGroup group={group} /> },
  ]
}

const shownFeeds = 5

function FeedLinks({ feeds }: { readonly feeds: readonly string[] }) {
  return (
    <>
      {feeds.slice(0, shownFeeds).map((feed, index) => (
        <Fragment key={feed}>
          {index > 0 && ', '}
          <Anchor component={Link} to={addressOf({ feed })}>
            {feed}
          </Anchor>
        </Fragment>
      ))}
      {feeds.length > shownFeeds && ` and ${feeds.length - shownFeeds} more`}
    </>
  )
}

function DeleteFeedGroup({ group }: { readonly group: FeedGroupInfo }) {
  const remove = useCall(api.feedGroups.delete, refreshes)
  return (
    <DeleteButton
      what={`the feed group ${group.name}`}
      onDelete={() => remove.mutateAsync({ query: { group: group.name } })}
    >
      Its permissions go too. In it: {counted(group.feeds.length, 'registry', 'registries')}, which
      stay, in no group.
    </DeleteButton>
  )
}

function FeedGroupForm(props: {
  readonly group: FeedGroupInfo | undefined
  readonly onClose: () => void
}) {
  const { group, onClose } = props
  const before = group?.feeds ?? []
  const names = useFeedNames()
  const create = useCall(api.feedGroups.create, refreshes)
  const update = useCall(api.feedGroups.update, refreshes)
  const form = useForm({ initialValues: { name: group?.name ?? '', feeds: [...before] } })
  return (
    <FormDialog
      title={group ? `The feed group ${group.name}` : 'New feed group'}
      verb={group ? 'Save' : 'Add the feed group'}
      {...{ form, onClose }}
      submit={({ name, feeds }) => {
        if (!group) return create.mutateAsync({ body: { name, feeds } })
        // What was not changed here may be so elsewhere meanwhile.
        const body = {
          ...(form.isDirty('name') && { name }),
          ...(form.isDirty('feeds') && { feeds }),
        }
        return update.mutateAsync({ query: { group: group.name }, body })
      }}
    >
      <TextInput label="Name" required data-autofocus {...form.getInputProps('name')} />
      <MultiSelect
        label="Registries (optional)"
        description="They leave the groups that they are in."
        searchable
        data={[...new Set([...names, ...before])]}
        {...form.getInputProps('feeds')}
      />
    </FormDialog>
  )
}
