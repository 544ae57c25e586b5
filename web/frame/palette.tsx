import { ActionIcon, Button, Kbd, useMantineColorScheme } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { Spotlight, type SpotlightActionData } from '@mantine/spotlight'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api } from '../../contract/api.ts'
import { Icon } from '../parts/icon.tsx'
import { useMayCreateRegistries } from '../queries/abilities.ts'
import { pageQuery } from '../queries/calls.ts'
import { type FoundGroup, searchQuery } from '../queries/search.ts'
import { useWhoami } from '../queries/session.ts'
import { addressOf } from '../reference.ts'
import { places } from './places.ts'
import { search, searchStore } from './search.ts'
import { useSignOut } from './user-menu.tsx'

const shownCount = 20
const pauseMs = 150

/** Search over what there is and what can be done, from everywhere: `/` or Ctrl K. */
export function Palette() {
  const [query, setQuery] = useState('')
  const [opened, setOpened] = useState(false)
  const found = useFoundActions(query, opened)
  useSelection(opened && query !== '')
  const actions = [
    ...found,
    { group: 'Go to', actions: usePlaceActions() },
    { group: 'Do', actions: useCommandActions() },
  ]
  return (
    <Spotlight
      store={searchStore}
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
        placeholder: 'Search registries, images, tags, digests and actions',
        'aria-label': 'Search registries, images, tags, digests and actions',
        leftSection: <Icon name="search" />,
      }}
    />
  )
}

/** What the server found comes after the library has chosen the first row for Enter: choose again. */
function useSelection(enabled: boolean): void {
  // After every render, as each may have brought other rows.
  useEffect(() => {
    if (!enabled) return
    const list = document.getElementById(searchStore.getState().listId)
    if (list === null || list.querySelector('[data-selected]') !== null) return
    list.querySelector('[data-action]')?.setAttribute('data-selected', 'true')
    searchStore.updateState((state) => ({ ...state, selected: 0 }))
  })
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
        onClick={search.open}
      >
        Search
      </Button>
      <ActionIcon
        hiddenFrom="sm"
        variant="default"
        size="lg"
        onClick={search.open}
        aria-label="Search"
      >
        <Icon name="search" />
      </ActionIcon>
    </>
  )
}

/** What the server finds in all registries: only asked while somebody looks. */
function useFoundActions(written: string, enabled: boolean) {
  const navigate = useNavigate()
  const [query] = useDebouncedValue(written.trim(), pauseMs)
  const answer = useQuery({
    ...searchQuery(query),
    enabled: enabled && query !== '',
    placeholderData: keepPreviousData,
  })
  const registries = useRegistries(enabled && query === '')
  const groups = query === '' ? registries : (answer.data?.groups ?? [])
  return groups.map(({ title, found }) => ({
    group: title,
    actions: found.map(({ label, description, to }) => ({
      id: `${title} ${to}`,
      label,
      description,
      // The server has chosen them; the list's own filter lets them all in.
      keywords: [written],
      leftSection: <Icon name="containers" />,
      onClick: () => void navigate({ to }),
    })),
  }))
}

/** Before anything is written: the registries. */
function useRegistries(enabled: boolean): readonly FoundGroup[] {
  const { data } = useQuery({ ...pageQuery(api.feeds.list), enabled })
  const found = (data?.items ?? []).slice(0, shownCount).map(({ name, description }) => ({
    ...{ label: name, description },
    to: addressOf({ feed: name }),
  }))
  return [{ title: 'Registries', found }]
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
  const navigate = useNavigate()
  const mayCreate = useMayCreateRegistries()
  const create = {
    id: 'new registry',
    label: 'New registry',
    onClick: () => void navigate({ to: '/containers', search: { create: 'registry' } as never }),
  }
  const themes = [
    { id: 'light', label: 'Light theme', onClick: () => setColorScheme('light') },
    { id: 'dark', label: 'Dark theme', onClick: () => setColorScheme('dark') },
    { id: 'system', label: 'Theme of the system', onClick: () => setColorScheme('auto') },
  ]
  const out = { id: 'sign out', label: 'Sign out', onClick: () => void leave() }
  return [...(mayCreate ? [create] : []), ...themes, ...(kind === 'anonymous' ? [] : [out])]
}
