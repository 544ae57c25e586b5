import { Anchor, Button, Group, Menu, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { JobInfo } from '../../../contract/jobs.ts'
import { useAddressState } from '../../parts/address-state.ts'
import type { Column } from '../../parts/data-table.tsx'
import { Icon } from '../../parts/icon.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { useCall } from '../../queries/calls.ts'
import { addressOf } from '../../reference.ts'
import { Outcome } from './outcome.tsx'
import { RunLink } from './run-link.tsx'
import { cleanUpSteps, purposeOf } from './run-words.ts'
import { ScheduleForm } from './schedule-form.tsx'

/** Jobs that come by themselves: when, and how the last run went. Of a registry, or of all and the server. */
export function JobTable({ feed }: { readonly feed?: string }) {
  const [edited, setEdited] = useState<JobInfo>()
  return (
    <>
      <PagedList
        route={api.jobs.list}
        query={feed === undefined ? {} : { feed }}
        caption={feed === undefined ? 'Jobs' : `Jobs of ${feed}`}
        columns={columnsOf(feed, setEdited)}
        keyOf={({ id }) => id}
        empty={
          <Empty title="No job yet">
            <Text>They are there within a minute of the registry.</Text>
          </Empty>
        }
      />
      {edited && <ScheduleForm job={edited} onClose={() => setEdited(undefined)} />}
    </>
  )
}

function columnsOf(
  feed: string | undefined,
  edit: (job: JobInfo) => void,
): readonly Column<JobInfo>[] {
  const whose: Column<JobInfo> = {
    title: 'Of',
    render: ({ feed: name }) =>
      name === null ? (
        'the server'
      ) : (
        <Anchor
          component={Link}
          to={addressOf({ feed: name })}
          search={{ tab: 'cleanup' } as never}
        >
          {name}
        </Anchor>
      ),
  }
  return [
    {
      title: 'Job',
      render: (job) => (
        <>
          <Text fw={600}>{job.job}</Text>
          <Text size="sm" c="dimmed" maw="44ch">
            {purposeOf(job)}
          </Text>
        </>
      ),
    },
    ...(feed === undefined ? [whose] : []),
    {
      title: 'Runs',
      render: (job) => <Schedule job={job} onEdit={() => edit(job)} />,
    },
    {
      title: 'Last run',
      render: ({ lastRun, lastSuccess }) =>
        lastRun === null ? (
          <Text span inherit c="dimmed">
            never
          </Text>
        ) : (
          <>
            <RunLink run={lastRun} /> <Outcome run={lastRun} />
            {lastRun.state === 'failed' && (
              <Text size="sm" c="dimmed">
                ended well <Time at={lastSuccess} none="never" />
              </Text>
            )}
          </>
        ),
    },
    { title: 'Run it', silent: true, render: (job) => <RunNow job={job} /> },
  ]
}

function Schedule({ job, onEdit }: { readonly job: JobInfo; readonly onEdit: () => void }) {
  const { schedule, timeZone, enabled, nextRun } = job
  return (
    <>
      <Anchor component="button" type="button" className="mono unbroken" onClick={onEdit}>
        {schedule}
        <span className="for-readers">, change when {job.job} runs</span>
      </Anchor>
      <Text size="sm" c="dimmed">
        {enabled ? (
          <>
            {timeZone}, next <Time at={nextRun} none="not planned" />
          </>
        ) : (
          'switched off'
        )}
      </Text>
    </>
  )
}

interface Wish {
  readonly step?: string
  readonly dryRun?: 'true'
}

/** At once, whole or in part, or only to hear what would go. */
function RunNow({ job }: { readonly job: JobInfo }) {
  const [, setAddress] = useAddressState()
  const run = useCall(api.jobs.run, [api.jobs.list, api.jobs.runs])
  const start = (wish: Wish) => {
    const feed = job.feed === null ? {} : { feed: job.feed }
    run.mutate(
      { query: { job: job.job, ...feed, ...wish } },
      {
        onSuccess: ({ run: id }) => setAddress({ run: String(id) }, { asStep: true }),
        onError: (error) => notifications.show({ color: 'red', message: error.message }),
      },
    )
  }
  const cleansUp = job.job === 'FeedCleanup'
  return (
    <Group gap={4} justify="flex-end" wrap="nowrap">
      <Button size="compact-sm" variant="default" loading={run.isPending} onClick={() => start({})}>
        Run now<span className="for-readers">: {job.job}</span>
      </Button>
      {(cleansUp || job.job.startsWith('Storage')) && (
        <Menu position="bottom-end">
          <Menu.Target>
            <Button
              size="compact-sm"
              variant="default"
              px={6}
              aria-label={`More ways to run ${job.job}`}
            >
              <Icon name="more" size={14} />
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => start({ dryRun: 'true' })}>
              Dry run: say what would go
            </Menu.Item>
            {cleansUp && <Menu.Label>Only a part</Menu.Label>}
            {cleansUp &&
              cleanUpSteps.map(({ step, title }) => (
                <Menu.Item key={step} onClick={() => start({ step })}>
                  {title}
                </Menu.Item>
              ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </Group>
  )
}
