import { ActionIcon, Button, Kbd, useMantineColorScheme } from '@mantine/core'
import { Spotlight, type SpotlightActionData, spotlight } from '@mantine/spotlight'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../contract/api.ts'
import { Icon } from '../parts/icon.tsx'
import { pageQuery } from '../queries/calls.ts'
import { useWhoami } from '../queries/session.ts'
import { addressOf } from '../reference.ts'
import { places } from './places.ts'
import { useSignOut } from './user-menu.tsx'

const shownCount = 20

/** Search over what there is and what can be done, from everywhere: `/` or Ctrl K. */
export function Palette() {
  const [query, setQuery] = useState('')
  const [opened, setOpened] = useState(false)
  const registries = useRegistryActions(query, opened)
  const actions = [
    { group: 'Registries', actions: registries },
    { group: 'Go to', actions: usePlaceActions() },
    { group: 'Do', actions: useCommandActions() },
  ]
  return (
    <Spotlight
      actions={actions.filter((group) => group.actions.length > 0)}
      query={query}
      onQueryChange={setQuery}
      onSpotlightOpen={() => setOpened(true)}
      onSpotlightClose={() => setOpened(false)}
      shortcut="mod + K"
      scrollable
      highlightQuery
      attributes={{ content: { 'aria-label': 'Search' } }}
      nothingFound="Nothing of that name."
      searchProps={{
        placeholder: 'Search registries, pages and actions',
        'aria-label': 'Search registries, pages and actions',
        leftSection: <Icon name="search" />,
      }}
    />
  )
}

export function PaletteButton() {
  return (
    <>
      <Button
        visibleFrom="sm"
        variant="default"
        size="xs"
        leftSection={<Icon name="search" size={16} />}
        rightSection={<Kbd size="xs">/</Kbd>}
        onClick={spotlight.open}
      >
        Search
      </Button>
      <ActionIcon
        hiddenFrom="sm"
        variant="default"
        size="lg"
        onClick={spotlight.open}
        aria-label="Search"
      >
        <Icon name="search" />
      </ActionIcon>
    </>
  )
}

/** Registries by name: only asked for while somebody looks. */
function useRegistryActions(query: string, enabled: boolean): SpotlightActionData[] {
  const navigate = useNavigate()
  const { data } = useQuery({ ...pageQuery(api.feeds.list), enabled })
  const wanted = query.trim().toLowerCase()
  return (data?.items ?? [])
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .slice(0, shownCount)
    .map(({ name, description }) => ({
      id: `registry ${name}`,
      label: name,
      description,
      leftSection: <Icon name="containers" />,
      onClick: () => void navigate({ to: addressOf({ feed: name }) }),
    }))
}

function usePlaceActions(): SpotlightActionData[] {
  const caller = useWhoami()
  const navigate = useNavigate()
  return places
    .filter(({ isFor }) => isFor(caller))
    .map(({ title, to, icon }) => ({
      id: to,
      label: title,
      leftSection: <Icon name={icon} />,
      onClick: () => void navigate({ to }),
    }))
}

function useCommandActions(): SpotlightActionData[] {
  const { setColorScheme } = useMantineColorScheme()
  const leave = useSignOut()
  const { kind } = useWhoami()
  const themes = [
    { id: 'light', label: 'Light theme', onClick: () => setColorScheme('light') },
    { id: 'dark', label: 'Dark theme', onClick: () => setColorScheme('dark') },
    { id: 'system', label: 'Theme of the system', onClick: () => setColorScheme('auto') },
  ]
  const out = { id: 'sign out', label: 'Sign out', onClick: () => void leave() }
  return kind === 'anonymous' ? themes : [...themes, out]
}
