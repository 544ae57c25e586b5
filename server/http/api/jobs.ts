import type {
  jobs as routes,
  JobInfo as ShownJob,
  RunInfo as ShownRun,
} from '../../../contract/jobs.ts'
import type { RunParams, RunRecord } from '../../db/job-runs.ts'
import {
  changeJob,
  getRun,
  type JobInfo,
  listJobInfos,
  listJobRuns,
  listRunLog,
  runJob,
  stopRun,
} from '../../jobs/jobs.ts'
import { type Feed, getFeed, listFeeds } from '../../registry/feeds.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, sendPage } from './pages.ts'

export function jobHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, wakeJobs } = deps
  const feedOf = async (name: string | undefined): Promise<Feed | null> =>
    name === undefined ? null : await getFeed(db, name)
  const runOf = async ({
    run,
    feed,
  }: {
    readonly run: number
    readonly feed?: string | undefined
  }) => await getRun({ db }, { run, feedId: (await feedOf(feed))?.id ?? null })
  return {
    async list({ query }, call) {
      const { after = 0, count } = pageOf(query)
      const feedId = (await feedOf(query.feed))?.id ?? null
      const page = await listJobInfos({ db }, { feedId, after, count })
      const feeds = await listFeeds(db)
      return sendPage(call, { ...page, items: page.items.map((job) => showJob(job, feeds)) })
    },
    async run({ query }, { by }) {
      const { job, step = null, dryRun = false } = query
      const asked = { job, feed: await feedOf(query.feed), step, dryRun }
      const { id } = await runJob({ db, by }, asked)
      wakeJobs()
      return showRun(await getRun({ db }, { run: id, feedId: null }))
    },
    async runs({ query }, call) {
      const { after = null, count } = pageOf(query)
      const feedId = (await feedOf(query.feed))?.id ?? null
      const page = await listJobRuns(
        { db },
        { job: query.job ?? null, feedId, before: after, count },
      )
      return sendPage(call, { ...page, items: page.items.map(showRun) })
    },
    async log({ query }, call) {
      const { id: runId } = await runOf(query)
      const { after = 0, count } = pageOf(query)
      const page = await listRunLog({ db }, { runId, after, count })
      const items = page.items.map((line) => ({ ...line, at: timeOf(line.at) }))
      return sendPage(call, { ...page, items })
    },
    async cancel({ query }, { by }) {
      return showRun(await stopRun({ db, by }, await runOf(query)))
    },
    async update({ query, body }, { by }) {
      const feed = await feedOf(query.feed)
      const job = await changeJob({ db, by }, { job: query.job, feed }, body)
      return showJob(job, feed === null ? [] : [feed])
    },
  }
}

function showJob(job: JobInfo, feeds: readonly Feed[]): ShownJob {
  return {
    id: job.id,
    job: job.kind,
    feed: feeds.find(({ id }) => id === job.feedId)?.name ?? null,
    schedule: job.schedule,
    timeZone: job.timeZone,
    enabled: job.enabled === 1,
    nextRun: job.nextRunAt === null ? null : timeOf(job.nextRunAt),
    lastRun: job.lastRun && showRun(job.lastRun),
    lastSuccess: job.lastSuccessAt === null ? null : timeOf(job.lastSuccessAt),
  }
}

function showRun(run: RunRecord): ShownRun {
  const params = JSON.parse(run.params) as RunParams
  const textOf = (name: string) => (typeof params[name] === 'string' ? String(params[name]) : null)
  return {
    run: run.id,
    job: run.kind,
    feed: run.feedName,
    state: run.state === 'running' && run.cancelling === 1 ? 'cancelling' : run.state,
    requestedBy: run.requestedBy,
    requestedAt: timeOf(run.requestedAt),
    startedAt: run.startedAt === null ? null : timeOf(run.startedAt),
    endedAt: run.endedAt === null ? null : timeOf(run.endedAt),
    dryRun: params.dryRun === true,
    step: textOf('step'),
    repository: textOf('repository'),
    progress: run.progress,
    counts: JSON.parse(run.counts) as Record<string, number>,
    errors: run.errorCount,
    error: run.error,
  }
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
