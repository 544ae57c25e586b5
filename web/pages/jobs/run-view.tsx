import { Alert, Button, Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import type { RunInfo } from '../../../contract/jobs.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { Facts } from '../../parts/facts.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { pageQuery, useCall } from '../../queries/calls.ts'
import { Outcome } from './outcome.tsx'
import { RunLog } from './run-log.tsx'
import { durationOf, formatDuration, goesOn } from './run-words.ts'

const liveMs = 1000

/** One run: how far it is or how it went, and its log as it grows. */
export function RunView({ feed, run: id }: { readonly feed?: string; readonly run: number }) {
  const [, setAddress] = useAddressState()
  const back = (
    <Button
      variant="subtle"
      size="compact-sm"
      leftSection={<Icon name="previous" size={14} />}
      onClick={() => setAddress({ run: undefined }, { asStep: true })}
    >
      All jobs and runs
    </Button>
  )
  // The newest run that is not newer than this one is this one.
  const query = pageQuery(api.jobs.runs, {
    query: { count: '1', after: String(id + 1), ...(feed !== undefined && { feed }) },
  })
  const { data, error, refetch } = useQuery({
    ...query,
    refetchInterval: ({ state }) => {
      const first = state.data?.items[0]
      return first?.run === id && goesOn(first) ? liveMs : false
    },
  })
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  const run = data.items[0]
  return (
    <Stack gap="md" align="stretch">
      <div>{back}</div>
      {run?.run === id ? (
        <Run run={run} {...(feed !== undefined && { feed })} />
      ) : (
        <Alert color="gray" title={`There is no run ${id} here`}>
          Runs are kept for as many days as the setting Jobs.HistoryDays says.
        </Alert>
      )}
    </Stack>
  )
}

function Run({ run, feed }: { readonly run: RunInfo; readonly feed?: string }) {
  const took = durationOf(run, Date.now())
  return (
    <>
      <Group justify="space-between" gap="sm">
        <Title order={2}>
          {run.job}
          {run.feed !== null && ` of ${run.feed}`}
        </Title>
        {goesOn(run) && <Stop run={run} {...(feed !== undefined && { feed })} />}
      </Group>
      <div role="status">
        <Outcome run={run} />
      </div>
      <Facts
        facts={{
          'Asked for': (
            <>
              <Time at={run.requestedAt} /> by {run.requestedBy}
            </>
          ),
          Begun: run.startedAt === null ? 'not yet' : <Time at={run.startedAt} />,
          Took: took === null ? null : formatDuration(took),
          'Only the part': run.step,
          Repository: run.repository,
          'Passed over': run.errors === 0 ? null : `${run.errors}: the log names them`,
        }}
      />
      <RunLog run={run} {...(feed !== undefined && { feed })} />
    </>
  )
}

function Stop({ run, feed }: { readonly run: RunInfo; readonly feed?: string }) {
  const cancel = useCall(api.jobs.cancel, [api.jobs.runs, api.jobs.list])
  return (
    <Group gap="xs">
      {cancel.error && <Text c="red">{cancel.error.message}</Text>}
      <Button
        variant="default"
        size="sm"
        loading={cancel.isPending || run.state === 'cancelling'}
        onClick={() =>
          cancel.mutate({ query: { run: String(run.run), ...(feed !== undefined && { feed }) } })
        }
      >
        Stop the run
      </Button>
    </Group>
  )
}
