import { Badge, Button, Group, List, Stack, Text } from '@mantine/core'
import { useEffect, useRef } from 'react'
import type { api } from '../../../../../contract/api.ts'
import type { Reply } from '../../../../../contract/route.ts'
import { Icon } from '../../../../parts/icon.tsx'
import { Failure } from '../../../../parts/states.tsx'

type TrialResult = Reply<typeof api.storage.test>

/** What each step of the test does. */
const words: Readonly<Record<string, string>> = {
  open: 'Open it',
  write: 'Begin an upload',
  resume: 'Go on with it',
  finish: 'Finish it',
  read: 'Read a range of it',
  list: 'List what is there',
  redirect: 'Follow a signed address',
  delete: 'Delete it',
}

/** Tries what stands in the form. */
export function Trial(props: {
  readonly result: TrialResult | undefined
  readonly error: Error | null
  readonly isPending: boolean
  /** The fields were changed since. */
  readonly isOld: boolean
  readonly onTest: () => void
}) {
  const { result, error, isPending, isOld, onTest } = props
  const outcome = useRef<HTMLDivElement>(null)
  const isThere = result !== undefined || error !== null
  // Below the fold nobody would know that it is there.
  useEffect(() => {
    if (isThere) outcome.current?.scrollIntoView({ block: 'nearest' })
  }, [isThere])
  return (
    <section aria-label="Test">
      <Group gap="xs" mb="xs">
        <Button variant="default" size="sm" loading={isPending} onClick={onTest}>
          {result ? 'Test again' : 'Test'}
        </Button>
        <Text size="sm" c="dimmed">
          {result && isOld
            ? 'The fields were changed since.'
            : 'Writes, reads and deletes; nothing is left there.'}
        </Text>
      </Group>
      <div role="status" ref={outcome}>
        {result && <Steps result={result} />}
        {error && <Failure error={error} />}
      </div>
    </section>
  )
}

/** Each step with a mark, and why the last one failed. */
function Steps({ result: { steps, works } }: { readonly result: TrialResult }) {
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <Badge color={works ? 'green' : 'red'}>{works ? 'works' : 'failed'}</Badge>
        {!works && (
          <Text size="sm" c="dimmed">
            What comes after the step that failed was not tried.
          </Text>
        )}
      </Group>
      <List size="sm" listStyleType="none" center={false}>
        {steps.map(({ step, reason }) => (
          <List.Item
            key={step}
            icon={
              <Text span c={reason === null ? 'green' : 'red'}>
                <Icon name={reason === null ? 'check' : 'close'} size={14} />
                <span className="for-readers">{reason === null ? 'worked: ' : 'failed: '}</span>
              </Text>
            }
          >
            {words[step] ?? step}
            {reason !== null && (
              <Text size="sm" c="red" className="wraps">
                {reason}
              </Text>
            )}
          </List.Item>
        ))}
      </List>
    </Stack>
  )
}
