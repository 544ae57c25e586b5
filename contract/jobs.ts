import { z } from 'zod'
import { numberedPage } from './page.ts'
import { route } from './route.ts'
import { flagInAddress, idInAddress, line, name, time } from './words.ts'

export const RunInfo = z.object({
  run: z.int(),
  job: z.string(),
  feed: z
    .string()
    .nullable()
    .meta({ description: "As it was called then; null: the server's job." }),
  state: z.enum(['queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled']),
  requestedBy: z.string(),
  requestedAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  dryRun: z.boolean(),
  step: z.string().nullable(),
  repository: z.string().nullable(),
  progress: z.string().nullable().meta({ description: 'What it is at, in words.' }),
  counts: z.record(z.string(), z.number()).meta({
    description:
      'What it did, or with a dry run would do: uploads, tags, images, manifests, links, blobs, files, bytesFreed …',
  }),
  errors: z.int().meta({ description: 'Items that were passed over; the log names them.' }),
  error: z.string().nullable().meta({ description: 'Why it failed.' }),
})
export type RunInfo = z.infer<typeof RunInfo>

export const JobInfo = z.object({
  id: z.int(),
  job: z.string(),
  feed: z.string().nullable().meta({ description: "Null: the server's job." }),
  schedule: z.string(),
  timeZone: z.string(),
  enabled: z.boolean(),
  nextRun: time.nullable(),
  lastRun: RunInfo.nullable(),
  lastSuccess: time.nullable().meta({
    description: 'When a run last ended well, of those whose history is kept.',
  }),
})
export type JobInfo = z.infer<typeof JobInfo>

export const LogLine = z.object({
  id: z.int(),
  at: time,
  level: z.enum(['info', 'error']),
  message: z.string(),
})
export type LogLine = z.infer<typeof LogLine>

const feed = name.optional().meta({
  description: "The registry whose job it is. Absent: all jobs, or the server's.",
})
const job = z.string().min(1).max(100)
const run = idInAddress

export const jobs = {
  list: route('GET', '/api/jobs/list', {
    summary: 'List the scheduled jobs, with the last run of each',
    query: z.strictObject({ ...numberedPage, feed }),
    reply: z.array(JobInfo),
    paged: true,
  }),
  run: route('POST', '/api/jobs/run', {
    summary: 'Run a job now',
    description:
      'It begins within seconds. One that waits already and was asked for in the same words is returned.',
    query: z.strictObject({
      job,
      feed,
      step: z.string().max(100).optional().meta({
        description: 'Only this part. FeedCleanup: uploads, retention, garbage, storage.',
      }),
      dryRun: flagInAddress.optional().meta({
        description: 'Changes nothing; the log says what would go now, and why.',
      }),
    }),
    reply: RunInfo,
  }),
  runs: route('GET', '/api/jobs/runs', {
    summary: 'List the runs of jobs, the newest first',
    query: z.strictObject({ ...numberedPage, job: job.optional(), feed }),
    reply: z.array(RunInfo),
    paged: true,
  }),
  log: route('GET', '/api/jobs/log', {
    summary: 'List the lines of the log of a run',
    description: 'To follow a run that goes on, ask again with the last id as `after`.',
    query: z.strictObject({ ...numberedPage, run, feed }),
    reply: z.array(LogLine),
    paged: true,
  }),
  cancel: route('POST', '/api/jobs/cancel', {
    summary: 'Stop a run',
    description: 'One that goes on stops after the batch it is at: what is done stays done.',
    query: z.strictObject({ run, feed }),
    reply: RunInfo,
  }),
  update: route('POST', '/api/jobs/update', {
    summary: 'Change when a job runs',
    description: 'Only what is named is changed.',
    query: z.strictObject({ job, feed }),
    body: z.strictObject({
      schedule: line(200).optional().meta({
        description: 'Cron: minute, hour, day of the month, month, day of the week.',
      }),
      timeZone: line(100).optional().meta({ description: 'As in `Europe/Berlin`.' }),
      enabled: z.boolean().optional(),
    }),
    reply: JobInfo,
  }),
}
