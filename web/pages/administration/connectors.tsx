import { Anchor, Button, Group, Switch, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { ConnectorInfo } from '../../../contract/connectors.ts'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { Empty, Failure, Waiting } from '../../parts/states.tsx'
import { callQuery, useCall } from '../../queries/calls.ts'
import { addressOf } from '../../reference.ts'
import { ConnectorForm } from './connector-form.tsx'
import { ConnectorPlace, ConnectorState } from './connector-state.tsx'
import { ConnectorTrial } from './connector-trial.tsx'

type Shown =
  | { readonly what: 'new' }
  | { readonly what: 'edit' | 'test'; readonly connector: ConnectorInfo }

/** Other registries whose images appear inside the registries of this server. */
export function ConnectorsPage() {
  const [shown, setShown] = useState<Shown>()
  const close = () => setShown(undefined)
  const create = () => setShown({ what: 'new' })
  return (
    <Page
      title="Connectors"
      wide
      actions={
        <Button leftSection={<Icon name="add" size={16} />} onClick={create}>
          New connector
        </Button>
      }
    >
      <Text size="sm" c="dimmed" maw="72ch">
        A connector leads to another registry. A registry of this server that has one serves the
        other’s images too, keeps what was pulled, and goes on serving it while the other is away.
        Which connectors a registry asks stands in its own tab Connectors.
      </Text>
      <Connectors onShow={setShown} />
      {shown?.what === 'new' && <ConnectorForm connector={undefined} onClose={close} />}
      {shown?.what === 'edit' && <ConnectorForm connector={shown.connector} onClose={close} />}
      {shown?.what === 'test' && <ConnectorTrial connector={shown.connector} onClose={close} />}
    </Page>
  )
}

function Connectors({ onShow }: { readonly onShow: (shown: Shown) => void }) {
  const { data, error, refetch } = useQuery(callQuery(api.connectors.list))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting rows={3} />
  }
  if (data.length === 0) {
    return (
      <Empty title="No connector yet">
        <Text maw="72ch">
          Make one to Docker Hub, say, and let a registry ask it: clients then pull debian:12 from
          here, once over the Internet and from then on from this server.
        </Text>
      </Empty>
    )
  }
  return (
    <DataTable
      caption="Connectors"
      columns={columnsWith(onShow)}
      rows={data}
      keyOf={({ name }) => name}
    />
  )
}

function columnsWith(onShow: (shown: Shown) => void): readonly Column<ConnectorInfo>[] {
  return [
    {
      title: 'Connector',
      render: (connector) => (
        <Anchor
          component="button"
          type="button"
          className="wraps"
          onClick={() => onShow({ what: 'edit', connector })}
        >
          {connector.name}
        </Anchor>
      ),
    },
    { title: 'Leads to', render: ({ url, feed }) => <ConnectorPlace url={url} feed={feed} /> },
    { title: 'Registries that ask it', render: ({ feeds }) => <Registries feeds={feeds} /> },
    { title: 'State', render: (connector) => <ConnectorState connector={connector} /> },
    { title: 'On', render: (connector) => <EnabledSwitch connector={connector} /> },
    {
      title: 'Actions',
      silent: true,
      render: (connector) => (
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          <Button
            size="compact-sm"
            variant="subtle"
            onClick={() => onShow({ what: 'test', connector })}
          >
            Test<span className="for-readers"> {connector.name}</span>
          </Button>
          <DeleteConnector connector={connector} />
        </Group>
      ),
    },
  ]
}

function Registries({ feeds }: { readonly feeds: readonly string[] }) {
  if (feeds.length === 0) {
    return (
      <Text span inherit c="dimmed">
        none yet
      </Text>
    )
  }
  return (
    <Group gap={6}>
      {feeds.map((feed) => (
        <Anchor
          key={feed}
          component={Link}
          to={addressOf({ feed })}
          search={{ tab: 'connectors' } as never}
        >
          {feed}
        </Anchor>
      ))}
    </Group>
  )
}

function EnabledSwitch({ connector: { name, enabled } }: { readonly connector: ConnectorInfo }) {
  const update = useCall(api.connectors.update, [api.connectors.list])
  return (
    <Switch
      checked={enabled}
      disabled={update.isPending}
      aria-label={`${name} is switched on`}
      onChange={(event) =>
        update.mutate({ params: { name }, body: { enabled: event.currentTarget.checked } })
      }
    />
  )
}

function DeleteConnector({ connector: { name, feeds } }: { readonly connector: ConnectorInfo }) {
  const remove = useCall(api.connectors.delete, [api.connectors.list, api.feeds.get])
  return (
    <DeleteButton
      what={`the connector ${name}`}
      onDelete={() => remove.mutateAsync({ params: { name } })}
    >
      <Text>
        {feeds.length === 0
          ? 'No registry asks it.'
          : `${feeds.join(', ')} ${feeds.length === 1 ? 'asks' : 'ask'} it, and will no more.`}{' '}
        What came through it stays and can be pulled; it is never checked again. Its password is
        forgotten. To only pause it, switch it off.
      </Text>
    </DeleteButton>
  )
}
