import { Badge, Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import type { SessionInfo } from '../../../contract/sessions.ts'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { callQuery, useCall } from '../../queries/calls.ts'

const columns: readonly Column<SessionInfo>[] = [
  {
    title: 'Browser',
    render: ({ userAgent, current }) => (
      <>
        {nameBrowser(userAgent)} {current && <Badge>this one</Badge>}
      </>
    ),
  },
  { title: 'Address', render: ({ address }) => <span className="mono">{address}</span> },
  { title: 'Signed in', render: ({ created }) => <Time at={created} /> },
  { title: 'Last used', render: ({ lastUsed }) => <Time at={lastUsed} /> },
  { title: 'Ends', render: ({ expires }) => <Time at={expires} /> },
  {
    title: 'Sign out',
    silent: true,
    render: ({ id, current }) => (current ? null : <EndSession id={id} />),
  },
]

export function SessionList() {
  const { data, error, refetch } = useQuery(callQuery(api.sessions.list))
  if (error) return <Failure error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Waiting rows={2} />
  return <DataTable caption="Sessions" columns={columns} rows={data} keyOf={({ id }) => id} />
}

function EndSession({ id }: { readonly id: number }) {
  const end = useCall(api.sessions.delete, [api.sessions.list])
  return (
    <Button
      size="compact-xs"
      variant="default"
      loading={end.isPending}
      onClick={() => end.mutate({ query: { id: String(id) } })}
    >
      Sign out
    </Button>
  )
}

/** "Firefox on Linux": enough to know it again. */
function nameBrowser(userAgent: string): string {
  const find = (names: readonly string[]) => names.find((name) => userAgent.includes(name))
  const browser = find(['Edg', 'Firefox', 'Chrome', 'Safari']) ?? 'A browser'
  const system = find(['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux'])
  return `${browser === 'Edg' ? 'Edge' : browser}${system === undefined ? '' : ` on ${system}`}`
}
