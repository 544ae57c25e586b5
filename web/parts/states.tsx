import { Alert, Button, Skeleton, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { isRefused, troubleOf } from '../call.ts'
import { Icon } from './icon.tsx'

/** Where a list has nothing: what it is for, and how to fill it. */
export function Empty(props: {
  readonly title: string
  readonly children?: ReactNode
  readonly action?: ReactNode
}) {
  return (
    <Stack align="flex-start" gap="xs" py="lg">
      <Title order={2}>{props.title}</Title>
      {props.children}
      {props.action}
    </Stack>
  )
}

/** What failed, in the server's words, and a way to try again. A refusal says who can help. */
export function Failure(props: { readonly error: unknown; readonly onRetry?: () => void }) {
  const { title, detail } = troubleOf(props.error)
  const refused = isRefused(props.error, 403)
  return (
    <Alert
      color={refused ? 'gray' : 'red'}
      icon={<Icon name="warning" />}
      title={title}
      role="alert"
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{detail}</Text>
        {refused && <Text size="sm">An administrator of this server can give you that right.</Text>}
        {props.onRetry && !refused && (
          <Button size="xs" variant="default" onClick={props.onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  )
}

/** Keeps the place of what is on its way. */
export function Waiting({ rows = 6 }: { readonly rows?: number }) {
  return (
    <Stack gap="xs" aria-busy="true" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike.
        <Skeleton key={row} height={34} />
      ))}
    </Stack>
  )
}
