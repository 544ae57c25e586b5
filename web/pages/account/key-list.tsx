import { Badge, Group, Switch, Text } from '@mantine/core'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { ApiKeyInfo } from '../../../contract/api-keys.ts'
import type { Column } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { useCall } from '../../queries/calls.ts'
import { nameOf } from './key-name.ts'
import { KeyRequests } from './key-requests.tsx'
import { RotateKey } from './rotate-key.tsx'
import { ShownKey } from './shown-key.tsx'

/** The keys that the caller may see: an administrator all, others their own. */
export function KeyList() {
  const [rotated, setRotated] = useState<ApiKeyInfo>()
  return (
    <>
      <PagedList
        route={api.apiKeys.list}
        caption="API keys"
        columns={columnsWith(setRotated)}
        keyOf={({ id }) => id}
        empty={
          <Empty title="No API key yet">
            A key lets a script or a CI job push, pull or administrate without anybody’s password.
            It can be kept to one registry, to some repositories, and to a day when it ends.
          </Empty>
        }
      />
      {rotated && <ShownKey made={rotated} onClose={() => setRotated(undefined)} />}
    </>
  )
}

function columnsWith(onRotated: (key: ApiKeyInfo) => void): readonly Column<ApiKeyInfo>[] {
  return [
    {
      title: 'Key',
      render: (key) => (
        <>
          {nameOf(key)} {!key.enabled && <Badge color="gray">switched off</Badge>}{' '}
          {isOver(key.expiration) && <Badge color="red">expired</Badge>}
          {key.description !== '' && (
            <Text size="xs" c="dimmed">
              {key.description}
            </Text>
          )}
        </>
      ),
    },
    { title: 'For', render: (key) => subjectOf(key) },
    { title: 'May', render: (key) => rightsOf(key) },
    {
      title: 'Last used',
      render: ({ lastUsed, lastUsedAddress }) => (
        <>
          <Time at={lastUsed} />{' '}
          {lastUsedAddress !== null && <span className="mono">{lastUsedAddress}</span>}
        </>
      ),
    },
    { title: 'Ends', render: ({ expiration }) => <Time at={expiration} /> },
    { title: 'On', render: (key) => <EnabledSwitch apiKey={key} /> },
    {
      title: 'Actions',
      silent: true,
      render: (key) => (
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          <KeyRequests apiKey={key} />
          <RotateKey apiKey={key} onRotated={onRotated} />
          <DeleteKey apiKey={key} />
        </Group>
      ),
    },
  ]
}

function isOver(expiration: string | null): boolean {
  return expiration !== null && Date.parse(expiration) < Date.now()
}

function subjectOf({ type, user, feed, feedGroup, repositories }: ApiKeyInfo): string {
  const kind = type === 'personal' ? `${user}, personal` : type === 'system' ? 'the server' : ''
  const place = feed ?? (feedGroup === null ? '' : `the registries of ${feedGroup}`)
  return [kind || place, repositories].filter(Boolean).join(' / ')
}

function rightsOf({ type, systemApis, packagePermissions }: ApiKeyInfo): string {
  if (type === 'system') return systemApis.join(', ')
  if (packagePermissions.length > 0) return packagePermissions.join(', ')
  return type === 'personal' ? 'what the user may' : 'everything in it'
}

function EnabledSwitch({ apiKey }: { readonly apiKey: ApiKeyInfo }) {
  const update = useCall(api.apiKeys.update, [api.apiKeys.list])
  return (
    <Switch
      size="sm"
      checked={apiKey.enabled}
      disabled={update.isPending}
      aria-label={`${nameOf(apiKey)} is switched on`}
      onChange={(event) =>
        update.mutate({
          query: { id: String(apiKey.id) },
          body: { enabled: event.currentTarget.checked },
        })
      }
    />
  )
}

function DeleteKey({ apiKey }: { readonly apiKey: ApiKeyInfo }) {
  const remove = useCall(api.apiKeys.delete, [api.apiKeys.list])
  return (
    <DeleteButton
      what={`the key ${nameOf(apiKey)}`}
      onDelete={() => remove.mutateAsync({ query: { id: String(apiKey.id) } })}
    >
      Whatever uses it is refused within a second. To change over without that, rotate it.
    </DeleteButton>
  )
}
