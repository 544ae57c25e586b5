import { Anchor, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { placesFor } from '../../frame/places.ts'
import { Page } from '../../parts/page.tsx'
import { useWhoami } from '../../queries/session.ts'

const here = '/administration'

/** What there is to administrate. */
export function AdministrationPage() {
  const below = placesFor(useWhoami(), here).filter((place) => place.below === here)
  return (
    <Page title="Administration">
      <Text>
        Who may do what, who can sign in, and how this server behaves. Registries are made and
        managed at the{' '}
        <Anchor component={Link} to="/containers" underline="always">
          containers
        </Anchor>
        .
      </Text>
      <Stack component="ul" gap="xs">
        {below.map(({ title, to, about }) => (
          <li key={to}>
            <Anchor component={Link} to={to}>
              {title}
            </Anchor>
            <Text size="sm">{about}</Text>
          </li>
        ))}
      </Stack>
    </Page>
  )
}
