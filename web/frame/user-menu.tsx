import { Button, Group, Menu, useMantineColorScheme } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useRouterState } from '@tanstack/react-router'
import { Icon } from '../parts/icon.tsx'
import { signOut, useWhoami } from '../queries/session.ts'

/** Who is signed in, the theme, and the way out; or the way in. */
export function UserMenu() {
  const { kind, name, user } = useWhoami()
  const leave = useSignOut()
  const here = useRouterState({ select: ({ location }) => location.href })
  if (kind === 'anonymous') {
    return (
      <Button
        size="xs"
        renderRoot={(root) => <Link to="/sign-in" search={{ to: here }} {...root} />}
      >
        Sign in
      </Button>
    )
  }
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <Button variant="default" size="xs" px={10} aria-label={`Account of ${name}`}>
          <Group gap="xs" wrap="nowrap">
            <Icon name="account" size={18} />
            <span className="user-name">{name}</span>
          </Group>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user?.displayName || name}</Menu.Label>
        <Menu.Item renderRoot={(root) => <Link to="/account" {...root} />}>Your account</Menu.Item>
        <Menu.Divider />
        <ThemeItems />
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="logout" size={16} />} onClick={() => void leave()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function ThemeItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const schemes = [
    ['light', 'Light', 'sun'],
    ['dark', 'Dark', 'moon'],
    ['auto', 'As the system', 'system'],
  ] as const
  return schemes.map(([scheme, title, icon]) => (
    <Menu.Item
      key={scheme}
      leftSection={<Icon name={icon} size={16} />}
      rightSection={colorScheme === scheme ? <Icon name="check" size={16} /> : null}
      onClick={() => setColorScheme(scheme)}
      aria-current={colorScheme === scheme}
    >
      {title}
    </Menu.Item>
  ))
}

export function useSignOut() {
  const queries = useQueryClient()
  const navigate = useNavigate()
  return async (everywhere = false) => {
    await signOut(queries, everywhere)
    await navigate({ to: '/sign-in' })
  }
}
