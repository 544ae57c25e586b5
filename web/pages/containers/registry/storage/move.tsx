import { Alert, Anchor, Button, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../../../../../contract/api.ts'
import type { RunInfo } from '../../../../../contract/jobs.ts'
import type { FeedStorage } from '../../../../../contract/storage.ts'
import { counted } from '../../../../parts/count.tsx'
import { formatSize } from '../../../../parts/size.tsx'
import { Time } from '../../../../parts/time.tsx'
import { pageQuery, useCall } from '../../../../queries/calls.ts'
import { pollMs } from '../../../../queries/query-client.ts'
import { addressOf } from '../../../../reference.ts'
import { Outcome } from '../../../jobs/outcome.tsx'
import { figuresOf, goesOn } from '../../../jobs/run-words.ts'

const liveMs = 1000
/** Of each store the server counts as many. */
const mostBlobs = 1000

/** How far the move to the registry's store is, or how the last one went. */
export function Move({ feed, storage }: { readonly feed: string; readonly storage: FeedStorage }) {
  const { data } = useQuery({
    ...pageQuery(api.jobs.runs, { query: { job: 'FeedMove', feed, count: '1' } }),
    refetchInterval: ({ state }) => {
      const last = state.data?.items[0]
      return last !== undefined && goesOn(last) ? liveMs : pollMs
    },
  })
  const run = data?.items[0]
  if (run !== undefined && goesOn(run)) return <Moving feed={feed} run={run} storage={storage} />
  if (storage.moving) return <Elsewhere feed={feed} run={run} storage={storage} />
  if (run === undefined) return null
  return (
    <Text size="sm" component="div">
      Last move: <RunLink feed={feed} run={run} /> <Outcome run={run} />
    </Text>
  )
}

function Moving(props: {
  readonly feed: string
  readonly run: RunInfo
  readonly storage: FeedStorage
}) {
  const { feed, run, storage } = props
  const cancel = useCall(api.jobs.cancel, [api.jobs.runs, api.storage.get])
  const figures = figuresOf(run)
  return (
    <Notice title="Its images are being moved here" color="blue">
      <Text size="sm">
        {figures === '' ? 'Nothing has been moved yet.' : `So far: ${figures}.`}
      </Text>
      <Left of={storage} />
      <div className="wraps">
        <RunLink feed={feed} run={run} /> <Outcome run={run} />
      </div>
      {cancel.error && <Text c="red">{cancel.error.message}</Text>}
      <Group gap="xs">
        <Button
          size="xs"
          variant="default"
          loading={cancel.isPending || run.state === 'cancelling'}
          onClick={() => cancel.mutate({ query: { run: String(run.run), feed } })}
        >
          Call off the move
        </Button>
        <Text size="sm">What was moved stays here, and all of it can be pulled as before.</Text>
      </Group>
    </Notice>
  )
}

/** No job moves it: it was called off, it failed, or something came late. */
function Elsewhere(props: {
  readonly feed: string
  readonly run: RunInfo | undefined
  readonly storage: FeedStorage
}) {
  const { feed, run, storage } = props
  const move = useCall(api.jobs.run, [api.jobs.runs, api.storage.get])
  return (
    <Notice title="Some of its images are elsewhere still" color="yellow">
      <Left of={storage} />
      <Text size="sm">They can be pulled. Nothing moves them now.</Text>
      {run && (
        <div className="wraps">
          <RunLink feed={feed} run={run} /> <Outcome run={run} />
        </div>
      )}
      {move.error && <Text c="red">{move.error.message}</Text>}
      <Button
        size="xs"
        variant="default"
        loading={move.isPending}
        onClick={() => move.mutate({ query: { job: 'FeedMove', feed } })}
      >
        {run ? 'Go on with the move' : 'Move them here'}
      </Button>
    </Notice>
  )
}

function Notice(props: {
  readonly title: string
  readonly color: string
  readonly children: React.ReactNode
}) {
  const { title, color, children } = props
  return (
    <Alert color={color} title={title} role="group" aria-label={title}>
      <Stack gap="xs" align="flex-start">
        {children}
      </Stack>
    </Alert>
  )
}

/** What is not here yet, and where it is. */
function Left({ of: { elsewhere, moving } }: { readonly of: FeedStorage }) {
  if (elsewhere.length === 0) {
    return (
      <Text size="sm">
        {moving
          ? 'No blob is elsewhere; uploads that began there may still end there.'
          : 'Nothing is elsewhere any more.'}
      </Text>
    )
  }
  return elsewhere.map(({ store, blobs, bytes }) => (
    <Text size="sm" key={store} className="wraps">
      Elsewhere still: {blobs >= mostBlobs ? 'at least ' : ''}
      {counted(blobs, 'blob')}, {formatSize(bytes)}, in <span className="mono">{store}</span>
    </Text>
  ))
}

/** To the log of the run, among the jobs of the registry. */
function RunLink({ feed, run }: { readonly feed: string; readonly run: RunInfo }) {
  return (
    <Anchor
      component={Link}
      to={addressOf({ feed })}
      search={{ tab: 'cleanup', run: String(run.run) } as never}
      // On the ground of a notice the colour of links is too faint.
      c="inherit"
      underline="always"
    >
      FeedMove, <Time at={run.startedAt ?? run.requestedAt} />
      <span className="for-readers">, the log of run {run.run}</span>
    </Anchor>
  )
}
