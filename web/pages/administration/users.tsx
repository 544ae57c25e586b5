import { Anchor, Badge, Button, Group, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { UserInfo } from '../../../contract/security-users.ts'
import type { Column } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { useCall } from '../../queries/calls.ts'
import { UserForm } from './user-form.tsx'

/** Who can sign in: the server's own users, and those of directories that have signed in. */
export function UsersPage() {
  const [search, setSearch] = useState('')
  const [term] = useDebouncedValue(search, 250)
  const [edited, setEdited] = useState<UserInfo | 'new'>()
  return (
    <Page
      title="Users"
      wide
      actions={
        <Button leftSection={<Icon name="add" size={16} />} onClick={() => setEdited('new')}>
          New user
        </Button>
      }
    >
      <TextInput
        aria-label="Filter users"
        placeholder="Filter by name or mail address"
        leftSection={<Icon name="search" size={16} />}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
      />
      <PagedList
        route={api.securityUsers.list}
        query={term === '' ? {} : { 'search-term': term }}
        caption="Users"
        columns={columnsWith(setEdited)}
        keyOf={({ name }) => name}
        empty={<Empty title="No such user">Nobody has “{term}” in the name or address.</Empty>}
      />
      {edited && (
        <UserForm
          user={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
    </Page>
  )
}

function columnsWith(edit: (user: UserInfo) => void): readonly Column<UserInfo>[] {
  return [
    {
      title: 'User',
      render: (user) => (
        <>
          <Anchor component="button" type="button" onClick={() => edit(user)}>
            {user.name}
          </Anchor>{' '}
          {!user.active && <Badge color="gray">switched off</Badge>}
          <Text size="xs" c="dimmed">
            {[user.displayName, user.email].filter((text) => text !== '').join(' · ')}
          </Text>
        </>
      ),
    },
    {
      title: 'Groups',
      render: ({ groups }) => (
        <Group gap={4}>
          {groups.map((name) => (
            <Badge key={name} color="gray">
              {name}
            </Badge>
          ))}
        </Group>
      ),
    },
    {
      title: 'From',
      render: ({ directory }) => <span className="one-line">{directory ?? 'this server'}</span>,
    },
    { title: 'Last sign-in', render: ({ lastLogin }) => <Time at={lastLogin} /> },
    {
      title: 'Actions',
      silent: true,
      render: (user) => (
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          <Anchor
            renderRoot={(root) => (
              <Link
                to="/administration/permissions"
                search={{ tab: 'rights', user: user.name }}
                {...root}
              />
            )}
          >
            Rights<span className="for-readers"> of {user.name}</span>
          </Anchor>
          <DeleteUser user={user} />
        </Group>
      ),
    },
  ]
}

function DeleteUser({ user }: { readonly user: UserInfo }) {
  const remove = useCall(api.securityUsers.delete, [api.securityUsers.list])
  return (
    <DeleteButton
      what={`the user ${user.name}`}
      onDelete={() => remove.mutateAsync({ query: { user: user.name } })}
    >
      {user.name} is out at once; sessions, permissions and personal keys go too. Images and the
      audit stay.
    </DeleteButton>
  )
}
