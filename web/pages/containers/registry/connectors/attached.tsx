import { ActionIcon, Anchor, Badge, Button, Group, Select, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { ConnectorInfo } from '../../../../../contract/connectors.ts'
import type { FeedInfo } from '../../../../../contract/feeds.ts'
import { type Column, DataTable } from '../../../../parts/data-table.tsx'
import { Icon } from '../../../../parts/icon.tsx'
import { Failure } from '../../../../parts/states.tsx'
import { useConnectors } from '../../../../queries/connectors.ts'
import { ConnectorPlace, ConnectorState } from '../../../administration/connector-state.tsx'
import { moved, useAttached } from './use-attached.ts'

/** The connectors of a registry in the order in which they are asked; administrators change it. */
export function AttachedConnectors(props: {
  readonly feed: FeedInfo
  readonly isAdministrator: boolean
}) {
  const { feed, isAdministrator } = props
  const all = useConnectors()
  const save = useAttached(feed.name)
  const [said, setSaid] = useState('')
  const change = (names: readonly string[], words: string) => {
    setSaid(words)
    save.mutate(names)
  }
  return (
    <Stack gap="sm">
      {save.error && <Failure error={save.error} />}
      {feed.connectors.length === 0 ? (
        <Text>It asks none: only what was pushed here is here.</Text>
      ) : (
        <DataTable
          caption={`Connectors of ${feed.name}`}
          columns={columnsOf({ feed, all, change: isAdministrator ? change : undefined })}
          rows={feed.connectors}
          keyOf={(name) => name}
        />
      )}
      <span role="status" className="for-readers">
        {said}
      </span>
      {isAdministrator && all !== undefined && <Add feed={feed} all={all} onChange={change} />}
    </Stack>
  )
}

type Change = (names: readonly string[], words: string) => void

interface Shown {
  readonly feed: FeedInfo
  readonly all: readonly ConnectorInfo[] | undefined
  readonly change: Change | undefined
}

/** Who is no administrator sees their names: where they lead, and how it goes there, is not for all. */
function columnsOf({ feed, all, change }: Shown): readonly Column<string>[] {
  const names = feed.connectors
  const infoOf = (name: string) => all?.find((one) => one.name === name)
  const known: readonly Column<string>[] = [
    {
      title: 'Asked',
      render: (name) => <span className="one-line">{names.indexOf(name) + 1}.</span>,
    },
    { title: 'Connector', render: (name) => <span className="wraps">{name}</span> },
  ]
  if (change === undefined) return known
  return [
    ...known,
    {
      title: 'Leads to',
      render: (name) => {
        const info = infoOf(name)
        return info && <ConnectorPlace url={info.url} feed={info.feed} />
      },
    },
    {
      title: 'State',
      render: (name) => {
        const info = infoOf(name)
        return info ? <ConnectorState connector={info} /> : <Badge color="gray">…</Badge>
      },
    },
    {
      title: 'Actions',
      silent: true,
      render: (name) => <Actions name={name} names={names} onChange={change} />,
    },
  ]
}

function Actions(props: {
  readonly name: string
  readonly names: readonly string[]
  readonly onChange: Change
}) {
  const { name, names, onChange } = props
  const at = names.indexOf(name)
  const move = (to: number) =>
    onChange(moved(names, at, to), `${name} is number ${to + 1} of ${names.length} now.`)
  return (
    <Group gap={4} justify="flex-end" wrap="nowrap">
      <Move label={`Move ${name} up`} icon="up" isOff={at === 0} onMove={() => move(at - 1)} />
      <Move
        label={`Move ${name} down`}
        icon="down"
        isOff={at === names.length - 1}
        onMove={() => move(at + 1)}
      />
      <Button
        size="compact-sm"
        variant="subtle"
        color="red"
        onClick={() =>
          onChange(
            names.filter((one) => one !== name),
            `${name} is not asked any more.`,
          )
        }
      >
        Remove<span className="for-readers"> {name}</span>
      </Button>
    </Group>
  )
}

/** At the end of its way it keeps the keyboard's focus: it says that it is off instead of being so. */
function Move(props: {
  readonly label: string
  readonly icon: 'up' | 'down'
  readonly isOff: boolean
  readonly onMove: () => void
}) {
  const { label, icon, isOff, onMove } = props
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={label}
      aria-disabled={isOff || undefined}
      {...(isOff && { 'data-disabled': true })}
      onClick={() => {
        if (!isOff) onMove()
      }}
    >
      <Icon name={icon} size={16} />
    </ActionIcon>
  )
}

function Add(props: {
  readonly feed: FeedInfo
  readonly all: readonly ConnectorInfo[]
  readonly onChange: Change
}) {
  const { feed, all, onChange } = props
  const [chosen, setChosen] = useState<string | null>(null)
  const free = all.filter((one) => !feed.connectors.includes(one.name) && one.feed !== feed.name)
  if (all.length === 0) {
    return (
      <Text size="sm">
        There is no connector yet: <ToConnectors>Administration, Connectors</ToConnectors> makes
        one.
      </Text>
    )
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (chosen === null) return
        onChange([...feed.connectors, chosen], `${chosen} is asked last now.`)
        setChosen(null)
      }}
    >
      <Group gap="xs" align="flex-end">
        <Select
          label="Another connector"
          placeholder={free.length === 0 ? 'It asks all there are' : 'Choose one'}
          data={free.map(({ name }) => name)}
          disabled={free.length === 0}
          searchable
          nothingFoundMessage="No connector of that name"
          value={chosen}
          onChange={setChosen}
        />
        <Button type="submit" variant="default" disabled={chosen === null}>
          Ask it too
        </Button>
        <Text size="sm" lh="36px">
          <ToConnectors>Make or change connectors</ToConnectors>
        </Text>
      </Group>
    </form>
  )
}

function ToConnectors({ children }: { readonly children: string }) {
  return (
    <Anchor component={Link} to="/administration/connectors" underline="always" inherit>
      {children}
    </Anchor>
  )
}
