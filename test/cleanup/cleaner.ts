import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine, RunInfo } from '../../contract/jobs.ts'
import { count, manage, ServerGone, type World } from './world.ts'

/** Runs a job and waits for its end; a fault if it fails or meets errors. */
export async function runJob(world: World, query: string): Promise<RunInfo> {
  const { run } = await manage<RunInfo>(world, 'POST', `/api/jobs/run?${query}`)
  for (;;) {
    const runs = await manage<RunInfo[]>(world, 'GET', '/api/jobs/runs?count=20')
    const found = runs.find((each) => each.run === run)
    if (found?.endedAt) {
      if (found.state !== 'succeeded' || found.errors > 0) {
        world.faults.push(`the run ${query} ${found.state}: ${found.errors} errors, ${found.error}`)
      }
      for (const [what, by] of Object.entries(found.counts)) count(world, `cleaned ${what}`, by)
      return found
    }
    await sleep(5)
  }
}

/** The same where damage is looked for, which is an error of the run. */
export async function runJobWithFaults(world: World, query: string): Promise<RunInfo> {
  const run = await runJob(world, query)
  world.faults.length = 0
  return run
}

/** Its first thousand lines. */
export async function logOf(world: World, { run }: RunInfo): Promise<string> {
  const lines = await manage<LogLine[]>(world, 'GET', `/api/jobs/log?run=${run}&count=1000`)
  return lines.map(({ message }) => message).join('\n')
}

/** Cleans up again and again, without a pause, until told to stop. */
export async function cleanUntil(
  world: World,
  feeds: readonly string[],
  stop: AbortSignal,
): Promise<void> {
  try {
    while (!stop.aborted) {
      for (const feed of feeds) await runJob(world, `job=FeedCleanup&feed=${feed}`)
      await runJob(world, 'job=StorageCleanup')
      count(world, 'clean-ups')
    }
  } catch (error) {
    if (!(error instanceof ServerGone)) throw error
  }
}

/** Levels that wait for each other: indexes in indexes, signatures, links, bytes. */
const mostRounds = 12

/** Cleans up with nobody about until three rounds found nothing; what went, added up. */
export async function cleanUntilQuiet(
  world: World,
  feeds: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = {}
  for (let quiet = 0, round = 0; quiet < 3 && round < mostRounds; round += 1) {
    await sleep(world.graceMs * 1.2 + 2)
    quiet += 1
    for (const feed of feeds) {
      const { counts } = await runJob(world, `job=FeedCleanup&feed=${feed}`)
      for (const [what, by] of Object.entries(counts)) {
        quiet = 0
        sums[what] = (sums[what] ?? 0) + by
      }
    }
  }
  return sums
}
