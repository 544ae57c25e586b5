import { setTimeout as sleep } from 'node:timers/promises'
import type { RunInfo } from '../../contract/jobs.ts'
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
