import { expect } from 'vitest'
import { askApi } from './api-call.ts'
import type { TestServer } from './server.ts'

/** A registry's clean-up runs at its time of the night no more. */
export async function switchOffCleanup({ url, admin }: TestServer, feed: string): Promise<void> {
  const update = {
    ...{ method: 'POST', target: `/api/jobs/update?job=FeedCleanup&feed=${feed}` },
    ...{ json: { enabled: false }, headers: { authorization: admin } },
  }
  // A new registry's jobs are there with the next look at the schedule.
  await expect.poll(async () => (await askApi(url, update)).status, { timeout: 20_000 }).toBe(200)
}
