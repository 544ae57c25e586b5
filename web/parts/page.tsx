import { Group, Stack, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'

/** The frame of every page: its name, what can be done here, then the content. */
export function Page(props: {
  readonly title: string
  /** In place of the title's text. */
  readonly heading?: ReactNode
  readonly actions?: ReactNode
  readonly wide?: boolean
  readonly children: ReactNode
}) {
  useDocumentTitle(`${props.title} · Entrepot`)
  return (
    <Stack className={props.wide ? 'page page-wide' : 'page'} gap="md">
      <Group justify="space-between" gap="sm">
        <Title order={1}>{props.heading ?? props.title}</Title>
        <Group gap="xs">{props.actions}</Group>
      </Group>
      {props.children}
    </Stack>
  )
}
