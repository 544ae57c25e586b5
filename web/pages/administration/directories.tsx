import { Anchor, Button, Group, Menu, Switch, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { DirectoryInfo } from '../../../contract/directories.ts'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { Empty, Failure, Waiting } from '../../parts/states.tsx'
import { callQuery, useCall } from '../../queries/calls.ts'
import { DirectoryForm, titles } from './directory-form.tsx'
import { DirectoryTrial } from './directory-trial.tsx'

type Shown =
  | { readonly what: 'new'; readonly kind: DirectoryInfo['kind'] }
  | { readonly what: 'edit' | 'try'; readonly directory: DirectoryInfo }

/** Where users come from besides this server, in the order in which they are asked. */
export function DirectoriesPage() {
  const [shown, setShown] = useState<Shown>()
  const close = () => setShown(undefined)
  return (
    <Page title="Directories" wide actions={<NewDirectory onNew={setShown} />}>
      <Text size="sm" c="dimmed">
        The server’s own users come first; then these are asked, from top to bottom.
      </Text>
      <Directories onShow={setShown} />
      {shown?.what === 'new' && (
        <DirectoryForm kind={shown.kind} directory={undefined} onClose={close} />
      )}
      {shown?.what === 'edit' && (
        <DirectoryForm kind={shown.directory.kind} directory={shown.directory} onClose={close} />
      )}
      {shown?.what === 'try' && <DirectoryTrial directory={shown.directory} onClose={close} />}
    </Page>
  )
}

function NewDirectory({ onNew }: { readonly onNew: (shown: Shown) => void }) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button leftSection={<Icon name="add" size={16} />}>New directory</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(['ldap', 'oidc'] as const).map((kind) => (
          <Menu.Item key={kind} onClick={() => onNew({ what: 'new', kind })}>
            {titles[kind]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function Directories({ onShow }: { readonly onShow: (shown: Shown) => void }) {
  const { data, error, refetch } = useQuery(callQuery(api.directories.list))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting rows={2} />
  }
  if (data.length === 0) {
    return (
      <Empty title="No directory yet">
        With an LDAP server, Active Directory or an OpenID Connect provider people sign in as they
        do elsewhere, and its groups decide what they may.
      </Empty>
    )
  }
  return (
    <DataTable
      caption="Directories"
      columns={columnsWith(onShow, data)}
      rows={data}
      keyOf={({ name }) => name}
    />
  )
}

function columnsWith(
  onShow: (shown: Shown) => void,
  all: readonly DirectoryInfo[],
): readonly Column<DirectoryInfo>[] {
  return [
    {
      title: 'Directory',
      render: (directory) => (
        <Anchor
          component="button"
          type="button"
          onClick={() => onShow({ what: 'edit', directory })}
        >
          {directory.name}
        </Anchor>
      ),
    },
    { title: 'Kind', render: ({ kind }) => titles[kind] },
    {
      title: 'Server',
      render: ({ settings: { host, issuer } }) => (
        <span className="mono">{String(host ?? issuer ?? '')}</span>
      ),
    },
    { title: 'On', render: (directory) => <EnabledSwitch directory={directory} /> },
    {
      title: 'Actions',
      silent: true,
      render: (directory) => (
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {all[0] !== directory && <AskEarlier name={directory.name} all={all} />}
          <Button
            size="compact-sm"
            variant="subtle"
            onClick={() => onShow({ what: 'try', directory })}
          >
            Try<span className="for-readers"> {directory.name}</span>
          </Button>
          <DeleteDirectory name={directory.name} />
        </Group>
      ),
    },
  ]
}

function EnabledSwitch({ directory: { name, enabled } }: { readonly directory: DirectoryInfo }) {
  const update = useCall(api.directories.update, [api.directories.list])
  return (
    <Switch
      checked={enabled}
      disabled={update.isPending}
      aria-label={`${name} is switched on`}
      onChange={(event) =>
        update.mutate({
          query: { directory: name },
          body: { enabled: event.currentTarget.checked },
        })
      }
    />
  )
}

function AskEarlier(props: { readonly name: string; readonly all: readonly DirectoryInfo[] }) {
  const { name, all } = props
  const order = useCall(api.directories.order, [api.directories.list])
  const names = all.map((each) => each.name)
  const at = names.indexOf(name)
  const before = names[at - 1]
  if (before === undefined) return null
  const directories = [...names.slice(0, at - 1), name, before, ...names.slice(at + 1)]
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      loading={order.isPending}
      onClick={() => order.mutate({ body: { directories } })}
    >
      Ask earlier<span className="for-readers">: {name}</span>
    </Button>
  )
}

function DeleteDirectory({ name }: { readonly name: string }) {
  const remove = useCall(api.directories.delete, [api.directories.list])
  return (
    <DeleteButton
      what={`the directory ${name}`}
      onDelete={() => remove.mutateAsync({ query: { directory: name } })}
    >
      Nobody signs in with it any more. Only a directory without users here can be deleted: delete
      those first, or switch it off.
    </DeleteButton>
  )
}
