import type { Administration } from '../administration.ts'
import { administer, administrationSettings } from './administration.ts'
import { formatColumns } from './columns.ts'
import { type Command, countOf, isOn, json, type Option, textOf } from './command.ts'

type Job = Awaited<ReturnType<Administration['jobs']['list']>>[number]

const feed: Option = { type: 'string', sample: 'FEED', help: 'The feed whose job it is.' }

const list: Command = {
  words: 'job list',
  operands: [],
  summary: 'List the scheduled jobs.',
  options: { json },
  settings: administrationSettings,
  read: (typed) =>
    administer(async ({ jobs }, { print }) => {
      const all = await jobs.list()
      print(isOn(typed, 'json') ? JSON.stringify(all, null, 2) : formatJobs(all))
    }),
}

const run: Command = {
  words: 'job run',
  operands: ['JOB'],
  summary: 'Ask a running server to run a job now.',
  options: {
    feed,
    step: { type: 'string', sample: 'STEP', help: 'Only this part of it.' },
    'dry-run': { type: 'boolean', help: 'Change nothing: the log says what would go.' },
  },
  settings: administrationSettings,
  read: (typed) => {
    const [job = ''] = typed.operands
    const asked = {
      job,
      feed: textOf(typed, 'feed') ?? null,
      step: textOf(typed, 'step') ?? null,
      dryRun: isOn(typed, 'dry-run'),
    }
    return administer(async ({ jobs }, { print }) => {
      const { id } = await jobs.run(asked)
      print(`Asked for run ${id}: a running server begins it within seconds.`)
    })
  },
}

const cancel: Command = {
  words: 'job cancel',
  operands: ['RUN'],
  summary: 'Stop a run.',
  options: {},
  settings: administrationSettings,
  read: (typed) => {
    const id = countOf('RUN', typed.operands[0] ?? '')
    return administer(async ({ jobs }, { print }) => {
      await jobs.cancel(id)
      print(`Run ${id} stops after the batch that it is at.`)
    })
  },
}

export const jobCommands: readonly Command[] = [list, run, cancel]

function formatJobs(jobs: readonly Job[]): string {
  return formatColumns(
    ['JOB', 'FEED', 'SCHEDULE', 'TIME ZONE', 'ENABLED', 'NEXT RUN', 'LAST RUN'],
    jobs.map((job) => [
      job.job,
      job.feed ?? '',
      job.schedule,
      job.timeZone,
      job.enabled ? 'on' : 'off',
      job.nextRun ?? '',
      job.lastRun ?? '',
    ]),
  )
}
