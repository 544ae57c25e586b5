import { Anchor, Badge, Button, Stack, Text, Title } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../../../../contract/api.ts'
import type { RegistryOverview } from '../../../../contract/registries.ts'
import type { PermissionInfo } from '../../../../contract/security-permissions.ts'
import { type Column, DataTable } from '../../../parts/data-table.tsx'
import { Empty, Failure, Waiting } from '../../../parts/states.tsx'
import { useCall } from '../../../queries/calls.ts'
import { registryRulesQuery } from '../../../queries/registry-rules.ts'
import { useWhoami } from '../../../queries/session.ts'
import { AddPermission } from './add-permission.tsx'

/** Who may do what in this registry, and which rule says so. */
export function Permissions({ registry }: { readonly registry: RegistryOverview }) {
  const { administrator } = useWhoami()
  if (!administrator) {
    return (
      <Empty title="Permissions are for administrators">
        <Text>
          Rules name users and groups of the whole server, so only its administrators see and change
          them. They can let somebody in here for you.
        </Text>
      </Empty>
    )
  }
  return (
    <Stack gap="lg">
      <section aria-labelledby="let-in">
        <Title order={2} id="let-in" mb="xs">
          Let somebody in
        </Title>
        <AddPermission registry={registry} />
      </section>
      <section aria-labelledby="rules">
        <Title order={2} id="rules" mb="xs">
          Rules that count here
        </Title>
        <Rules registry={registry} />
      </section>
    </Stack>
  )
}

function Rules({ registry }: { readonly registry: RegistryOverview }) {
  const { data, error, refetch } = useQuery(registryRulesQuery(registry))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting rows={3} />
  }
  return (
    <Stack gap="xs">
      <DataTable
        caption={`Permissions of ${registry.name}`}
        columns={columns}
        rows={data}
        keyOf={({ id }) => id}
      />
      <Text size="sm" c="dimmed" maw="72ch">
        A user's own rules come before those of groups, then the narrower place before the wider,
        then a restriction before a permission.
      </Text>
    </Stack>
  )
}

const columns: readonly Column<PermissionInfo>[] = [
  {
    title: 'Who',
    render: ({ user, group }) => (
      <>
        {user ?? group} {group !== null && <Badge color="gray">group</Badge>}
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
  {
    title: 'In',
    render: ({ repositories }) =>
      repositories === null ? (
        'all repositories'
      ) : (
        <span className="mono unbroken">{repositories}</span>
      ),
  },
  { title: 'From', render: (rule) => originOf(rule) },
  {
    title: 'Take it away',
    silent: true,
    render: (rule) => (rule.feed === null ? <Elsewhere /> : <TakeAway rule={rule} />),
  },
]

function originOf({ id, feed, feedGroup }: PermissionInfo): string {
  const place = feed !== null ? 'this registry' : feedGroup === null ? 'everywhere' : feedGroup
  return `${place}, rule ${id}`
}

/** A rule that counts for other registries too is not changed from this one. */
function Elsewhere() {
  return (
    <Anchor component={Link} to="/administration/permissions" size="sm">
      Administration
    </Anchor>
  )
}

function TakeAway({ rule }: { readonly rule: PermissionInfo }) {
  const remove = useCall(api.securityPermissions.delete, [
    api.securityPermissions.list,
    api.registries.get,
  ])
  const whom = rule.user ?? `the group ${rule.group}`
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      color="red"
      loading={remove.isPending}
      onClick={() =>
        remove.mutate(
          { query: { permissionId: String(rule.id) } },
          {
            onSuccess: () =>
              notifications.show({ message: `Taken away: ${rule.task} from ${whom}.` }),
            onError: ({ message }) => notifications.show({ color: 'red', message }),
          },
        )
      }
    >
      Take away<span className="for-readers"> {`${rule.task} from ${whom}`}</span>
    </Button>
  )
}
