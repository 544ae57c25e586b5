import { Button, Group, Switch, Text, Title } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { api } from '../../../contract/api.ts'
import { callPage } from '../../../contract/call.ts'
import type { LogLine, RunInfo } from '../../../contract/jobs.ts'
import { client } from '../../call.ts'
import { Failure, Waiting } from '../../parts/states.tsx'
import { goesOn } from './run-words.ts'
import './jobs.css'

const pageSize = 500
const liveMs = 1000

/** What a run wrote down, page after page; while it goes on, what it writes. */
export function RunLog({ run, feed }: { readonly run: RunInfo; readonly feed?: string }) {
  const [onlyErrors, setOnlyErrors] = useState(false)
  const { lines, error, retry, hasMore, more, isLoadingMore } = useLog(run, feed)
  const shown = onlyErrors ? lines?.filter(({ level }) => level === 'error') : lines
  return (
    <section aria-label="Log">
      <Group justify="space-between" mb="xs">
        <Title order={3} fz="md">
          Log
        </Title>
        {run.errors > 0 && (
          <Switch
            label="Only errors"
            checked={onlyErrors}
            onChange={(event) => setOnlyErrors(event.currentTarget.checked)}
          />
        )}
      </Group>
      {error && <Failure error={error} onRetry={retry} />}
      {lines === undefined && !error && <Waiting rows={4} />}
      {shown?.length === 0 && !hasMore && (
        <Text c="dimmed">{goesOn(run) ? 'Nothing yet.' : 'It had nothing to say.'}</Text>
      )}
      {shown !== undefined && shown.length > 0 && <Lines lines={shown} follows={goesOn(run)} />}
      {hasMore && (
        <Button mt="xs" size="xs" variant="default" loading={isLoadingMore} onClick={more}>
          Show more
        </Button>
      )}
    </section>
  )
}

/** Each page begins behind the last line of the one before; the last page grows while the run goes on. */
function useLog({ run, ...state }: RunInfo, feed: string | undefined) {
  const isLive = goesOn({ run, ...state })
  const log = useInfiniteQuery({
    queryKey: [api.jobs.log.path, run, feed],
    initialPageParam: '0',
    queryFn: async ({ pageParam, signal }) => {
      const query = { run: String(run), count: String(pageSize), after: pageParam }
      const input = { query: { ...query, ...(feed !== undefined && { feed }) } }
      return await callPage({ ...client, signal }, api.jobs.log, input)
    },
    getNextPageParam: ({ items, next }) => (next === null ? undefined : lastId(items)),
    refetchInterval: isLive ? liveMs : false,
  })
  const { refetch } = log
  // What was written between the last look and the end.
  const wasLive = useRef(isLive)
  useEffect(() => {
    if (wasLive.current && !isLive) void refetch()
    wasLive.current = isLive
  }, [isLive, refetch])
  return {
    lines: log.data?.pages.flatMap(({ items }) => items),
    error: log.error,
    retry: () => void refetch(),
    hasMore: log.hasNextPage,
    more: () => void log.fetchNextPage(),
    isLoadingMore: log.isFetchingNextPage,
  }
}

function lastId(items: readonly LogLine[]): string | undefined {
  return items.at(-1)?.id.toString()
}

const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hour12: false })

/** At its end it stays at its end, unless one scrolls up. */
function Lines({
  lines,
  follows,
}: {
  readonly lines: readonly LogLine[]
  readonly follows: boolean
}) {
  const box = useRef<HTMLOListElement>(null)
  const isAtEnd = useRef(true)
  // After each look that brought lines.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the lines are what it waits for.
  useEffect(() => {
    const list = box.current
    if (follows && list !== null && isAtEnd.current) list.scrollTop = list.scrollHeight
  }, [lines.length, follows])
  return (
    <ol
      ref={box}
      className="run-log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so that the keyboard must reach it.
      tabIndex={0}
      aria-label="Lines of the log"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 8
      }}
    >
      {lines.map(({ id, at, level, message }) => (
        <li key={id} data-level={level}>
          <time dateTime={at}>{clock.format(new Date(at))}</time>{' '}
          {level === 'error' && <strong>error: </strong>}
          {message}
        </li>
      ))}
    </ol>
  )
}
