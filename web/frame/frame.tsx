import { AppShell, Burger, Group, ScrollArea, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect } from 'react'
import { Breadcrumb } from './breadcrumb.tsx'
import { Navigation } from './navigation.tsx'
import { Palette, PaletteButton } from './palette.tsx'
import { Shortcuts } from './shortcuts.tsx'
import { UserMenu } from './user-menu.tsx'

/** Around every page but signing in: navigation, breadcrumb, search, who is signed in. */
export function Frame() {
  const [opened, { toggle, close }] = useDisclosure(false)
  const path = useRouterState({ select: ({ location }) => location.pathname })
  // On a phone the drawer has done its work once one is somewhere else.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what it waits for.
  useEffect(close, [path])
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="md"
    >
      <a className="skip-link" href="#content">
        Skip to the content
      </a>
      <AppShell.Header px="md">
        <Group h="100%" gap="sm" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap" className="shrinks">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={opened ? 'Close the navigation' : 'Open the navigation'}
            />
            <Link to="/containers" className="brand" aria-label="Entrepot, containers">
              <Text span fw={700}>
                Entrepot
              </Text>
            </Link>
            <Breadcrumb />
          </Group>
          <Group gap="xs" wrap="nowrap" className="stays">
            <PaletteButton />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label="Navigation" className={opened ? undefined : 'closed'}>
        <AppShell.Section grow component={ScrollArea}>
          <Navigation />
        </AppShell.Section>
        <AppShell.Section>
          <Text size="xs" c="dimmed">
            {window.location.host}
            <br />
            Entrepot {version()}
          </Text>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
      <Palette />
      <Shortcuts />
    </AppShell>
  )
}

function version(): string {
  return document.querySelector<HTMLMetaElement>('meta[name=entrepot-version]')?.content ?? ''
}
