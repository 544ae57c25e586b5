import { Anchor, Group, Stack, Text, Title } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Icon } from '../../parts/icon.tsx'
import { Empty, Failure, Waiting } from '../../parts/states.tsx'
import { type Found, searchQuery } from '../../queries/search.ts'

/** What is found in all registries that the caller may view, the widest first. */
export function SearchResults({ query }: { readonly query: string }) {
  const { data, error, refetch } = useQuery({
    ...searchQuery(query),
    placeholderData: keepPreviousData,
  })
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  const { groups, isComplete } = data
  if (groups.length === 0) return <Nothing query={query} isComplete={isComplete} />
  return (
    <Stack gap="md">
      {groups.map(({ title, found }) => (
        <section key={title} aria-label={title}>
          <Title order={2} mb="xs">
            {title}
          </Title>
          <ul className="found">
            {found.map((one) => (
              <FoundLine key={one.to} {...one} />
            ))}
          </ul>
        </section>
      ))}
      {!isComplete && <Hint>There may be more. A longer word finds it.</Hint>}
    </Stack>
  )
}

function FoundLine({ label, description, to }: Found) {
  return (
    <li>
      <Group gap="xs" wrap="nowrap">
        <Icon name="containers" size={16} />
        <Anchor component={Link} to={to} className="wraps">
          {label}
        </Anchor>
        <Text size="sm" c="dimmed" truncate>
          {description}
        </Text>
      </Group>
    </li>
  )
}

function Nothing(props: { readonly query: string; readonly isComplete: boolean }) {
  return (
    <Empty title={`Nothing is called "${props.query}"`}>
      <Hint>
        A part of the name of a registry or repository is enough; of a tag its beginning, of a
        digest its first 6 digits. main/team/app:1.4 looks for that tag there.
      </Hint>
      {!props.isComplete && <Hint>There was more to look through. A longer word finds it.</Hint>}
    </Empty>
  )
}

function Hint({ children }: { readonly children: ReactNode }) {
  return <Text c="dimmed">{children}</Text>
}
