import { Alert, Button, Progress, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Indexing, Unreadable } from '../../../../contract/image-files.ts'
import { Icon } from '../../../parts/icon.tsx'
import { formatSize } from '../../../parts/size.tsx'
import { Failure, Waiting } from '../../../parts/states.tsx'

type Answer<Ready> = Ready | Indexing | Unreadable

/** What stands in place of files: they are on their way, being read, or cannot be read. */
export function Reading<Ready extends { readonly state: 'ready' }>(props: {
  readonly answer: Answer<Ready> | undefined
  readonly error: Error | null
  readonly onRetry: () => void
  readonly children: (ready: Ready) => ReactNode
}) {
  const { answer, error, onRetry, children } = props
  if (answer === undefined) {
    return error ? <Failure error={error} onRetry={onRetry} /> : <Waiting />
  }
  if (answer.state === 'indexing') return <IndexingState {...(answer as Indexing)} />
  if (answer.state === 'unreadable') {
    return <UnreadableState {...(answer as Unreadable)} onRetry={onRetry} />
  }
  return children(answer as Ready)
}

function IndexingState({ doneBytes, totalBytes, waiting }: Indexing) {
  const percent = totalBytes === 0 ? 0 : (doneBytes / totalBytes) * 100
  const words =
    waiting > 0
      ? `${waiting} ${waiting === 1 ? 'other image is' : 'other images are'} read first.`
      : `${formatSize(doneBytes)} of ${formatSize(totalBytes)}`
  return (
    <Stack gap="xs" role="status">
      <Text>The layers are being read, once. {words}</Text>
      <Progress value={percent} aria-label="How much of the layers is read" />
    </Stack>
  )
}

function UnreadableState({ message, layer, onRetry }: Unreadable & { onRetry: () => void }) {
  return (
    <Alert
      color="yellow"
      icon={<Icon name="warning" />}
      title="The files cannot be shown"
      role="alert"
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{message}</Text>
        {layer !== null && (
          <Text size="sm" className="mono">
            {layer}
          </Text>
        )}
        <Text size="sm">Pulling the image is not affected.</Text>
        <Button size="xs" variant="default" onClick={onRetry}>
          Try again
        </Button>
      </Stack>
    </Alert>
  )
}
