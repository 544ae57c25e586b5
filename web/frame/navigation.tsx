import { NavLink } from '@mantine/core'
import { Link, useRouterState } from '@tanstack/react-router'
import { Icon } from '../parts/icon.tsx'
import { useWhoami } from '../queries/session.ts'
import { isWithin, placesFor } from './places.ts'

export function Navigation() {
  const caller = useWhoami()
  const path = useRouterState({ select: ({ location }) => location.pathname })
  return placesFor(caller, path).map(({ title, to, icon, below }) => {
    const active = below === undefined ? isWithin(path, to) : path === to
    return (
      <NavLink
        key={to}
        className="nav-link"
        component={Link}
        to={to}
        label={title}
        leftSection={<Icon name={icon} />}
        active={active}
        aria-current={path === to ? 'page' : undefined}
        {...(below !== undefined && { pl: 'xl' })}
      />
    )
  })
}
