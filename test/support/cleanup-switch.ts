import { expect } from 'vitest'
import { askApi } from './api-call.ts'
import type { TestServer } from './server.ts'

/** A registry's clean-up runs at its time of the night no more. */
export async function switchOffCleanup({ url, admin }: TestServer, feed: string): Promise<void> {
  const { status } = await askApi(url, {
    ...{ method: 'POST', target: `/api/jobs/update?job=FeedCleanup&feed=${feed}` },
    ...{ json: { enabled: false }, headers: { authorization: admin } },
  })
  expect(status).toBe(200)
}
