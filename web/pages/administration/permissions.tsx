import { Badge, Button, Tabs, Text } from '@mantine/core'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { PermissionInfo } from '../../../contract/security-permissions.ts'
import type { Column } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { isVirtualGroup, ruleInWords, whereInWords } from '../../parts/rule-words.ts'
import { Empty } from '../../parts/states.tsx'
import { useCall } from '../../queries/calls.ts'
import { EffectiveRights } from './effective-rights.tsx'
import { PermissionForm } from './permission-form.tsx'

const route = getRouteApi('/frame/users/administration/permissions')

/** Every rule as a row, and what they come to for somebody. */
export function PermissionsPage() {
  const { tab = 'rules', ...asked } = route.useSearch()
  const navigate = useNavigate()
  const [adding, setAdding] = useState(false)
  return (
    <Page
      title="Permissions"
      wide
      actions={
        <Button leftSection={<Icon name="add" size={16} />} onClick={() => setAdding(true)}>
          New permission
        </Button>
      }
    >
      <Tabs
        value={tab}
        onChange={(value) =>
          void navigate({
            to: '/administration/permissions',
            search: value === 'rights' ? { tab: 'rights' } : {},
          })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
          <Tabs.Tab value="rights">What may somebody do?</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rules">
          <Rules />
        </Tabs.Panel>
        <Tabs.Panel value="rights">
          <EffectiveRights asked={asked} />
        </Tabs.Panel>
      </Tabs>
      {adding && <PermissionForm onClose={() => setAdding(false)} />}
    </Page>
  )
}

function Rules() {
  return (
    <>
      <Text size="sm" c="dimmed" mb="sm">
        Nobody may do anything until a rule says so. The user’s own rules come before those of
        groups, the narrower place first, a restriction before a permission.
      </Text>
      <PagedList
        route={api.securityPermissions.list}
        caption="Permissions and restrictions"
        columns={columns}
        keyOf={({ id }) => id}
        empty={<Empty title="No rule yet">Nobody may do anything here.</Empty>}
      />
    </>
  )
}

const columns: readonly Column<PermissionInfo>[] = [
  { title: 'Number', numeric: true, render: ({ id }) => id },
  {
    title: 'Who',
    render: ({ user, group }) => (
      <>
        {user ?? group}{' '}
        <Badge color="gray">{user === null || isVirtualGroup(user) ? 'group' : 'user'}</Badge>
      </>
    ),
  },
  {
    title: 'May',
    render: ({ task, deny }) => (
      <>
        {deny && <Badge color="red">may not</Badge>} {task}
      </>
    ),
  },
  { title: 'Where', render: (rule) => whereInWords(rule) },
  { title: 'Actions', silent: true, render: (rule) => <DeleteRule rule={rule} /> },
]

function DeleteRule({ rule }: { readonly rule: PermissionInfo }) {
  const { id } = rule
  const remove = useCall(api.securityPermissions.delete, [
    api.securityPermissions.list,
    api.privileges.list,
  ])
  return (
    <DeleteButton
      what={`${rule.deny ? 'restriction' : 'permission'} number ${id}`}
      onDelete={() => remove.mutateAsync({ query: { permissionId: String(id) } })}
    >
      {ruleInWords(rule)}. It counts no more within a second.
    </DeleteButton>
  )
}
