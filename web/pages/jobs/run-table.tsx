import { Text } from '@mantine/core'
import { api } from '../../../contract/api.ts'
import type { RunInfo } from '../../../contract/jobs.ts'
import type { Column } from '../../parts/data-table.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { Outcome } from './outcome.tsx'
import { RunLink } from './run-link.tsx'
import { durationOf, formatDuration } from './run-words.ts'

const pageSize = '20'

/** What ran, the newest first. */
export function RunTable({ feed }: { readonly feed?: string }) {
  return (
    <PagedList
      route={api.jobs.runs}
      query={{ count: pageSize, ...(feed !== undefined && { feed }) }}
      caption={feed === undefined ? 'Runs' : `Runs of ${feed}`}
      columns={feed === undefined ? [...columns.slice(0, 1), whose, ...columns.slice(1)] : columns}
      keyOf={({ run }) => run}
      empty={
        <Empty title="Nothing has run yet">
          <Text>Runs come by their schedule, or with "Run now".</Text>
        </Empty>
      }
    />
  )
}

const whose: Column<RunInfo> = {
  title: 'Of',
  render: ({ feed }) => <span className="wraps">{feed ?? 'the server'}</span>,
}

const columns: readonly Column<RunInfo>[] = [
  {
    title: 'Job',
    render: ({ job, step, repository }) => (
      <span className="wraps">
        {job}
        {step !== null && `, ${step}`}
        {repository !== null && `, ${repository}`}
      </span>
    ),
  },
  { title: 'Begun', render: (run) => <RunLink run={run} /> },
  {
    title: 'Took',
    numeric: true,
    render: (run) => {
      const took = durationOf(run, Date.now())
      return took === null ? '–' : formatDuration(took)
    },
  },
  { title: 'Outcome', render: (run) => <Outcome run={run} /> },
  { title: 'By', render: ({ requestedBy }) => <span className="wraps">{requestedBy}</span> },
]
