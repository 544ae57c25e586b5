import { Badge, Button, Modal, Stack, Switch, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { api } from '../../../contract/api.ts'
import type { ApiKeyInfo } from '../../../contract/api-keys.ts'
import type { Reply } from '../../../contract/route.ts'
import type { Column } from '../../parts/data-table.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Failure } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { useCall } from '../../queries/calls.ts'
import { nameOf } from './key-name.ts'

type KeyRequest = Reply<typeof api.apiKeys.requests>[number]

/** What a key was used for lately, and whether a list of that is kept. */
export function KeyRequests({ apiKey }: { readonly apiKey: ApiKeyInfo }) {
  const [opened, { open, close }] = useDisclosure(false)
  const name = nameOf(apiKey)
  return (
    <>
      <Button size="compact-sm" variant="subtle" onClick={open}>
        Requests<span className="for-readers"> of {name}</span>
      </Button>
      <Modal opened={opened} onClose={close} title={`Requests of ${name}`} size="xl">
        <Stack gap="sm">
          <LoggingSwitch apiKey={apiKey} />
          <PagedList
            route={api.apiKeys.requests}
            query={{ id: String(apiKey.id), count: '50' }}
            caption={`Requests of ${name}, the newest first`}
            columns={columns}
            keyOf={({ id }) => id}
            empty={<Text role="status">{whyNone(apiKey)}</Text>}
          />
        </Stack>
      </Modal>
    </>
  )
}

function whyNone({ logging, lastUsed }: ApiKeyInfo): string {
  if (logging === 'none') return 'None is kept. Switch the list on, and it fills from then on.'
  if (lastUsed === null) return 'The key was not used yet. Its requests appear here by themselves.'
  return 'None since the list is kept. They appear here by themselves.'
}

function LoggingSwitch({ apiKey: { id, logging } }: { readonly apiKey: ApiKeyInfo }) {
  const update = useCall(api.apiKeys.update, [api.apiKeys.list])
  return (
    <>
      <Switch
        label="Keep a list of its requests"
        checked={logging === 'request'}
        disabled={update.isPending}
        onChange={(event) =>
          update.mutate({
            query: { id: String(id) },
            body: { logging: event.currentTarget.checked ? 'request' : 'none' },
          })
        }
      />
      {update.error && <Failure error={update.error} />}
    </>
  )
}

const columns: readonly Column<KeyRequest>[] = [
  { title: 'When', render: ({ at }) => <Time at={at} /> },
  { title: 'From', render: ({ address }) => <span className="mono">{address}</span> },
  {
    title: 'Request',
    render: ({ method, path }) => (
      <span className="mono">
        {method} {path}
      </span>
    ),
  },
  {
    title: 'Answer',
    numeric: true,
    render: ({ status }) => (status < 400 ? status : <Badge color="red">{status}</Badge>),
  },
]
