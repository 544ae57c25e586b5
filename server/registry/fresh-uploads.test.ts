import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FreshUploads } from './fresh-uploads.ts'

const record = (id: string) => ({
  id,
  repositoryId: 1,
  storeId: 1,
  location: id,
  epoch: 0,
  offsetBytes: 0,
  digestSoFar: null,
  algorithm: 'sha256' as const,
  startedAt: 0,
})

test('hands an upload out once, and in its own repository only', () => {
  const fresh = new FreshUploads()
  fresh.keep(record('a'))
  expect(fresh.take({ id: 'a', repositoryId: 2 })).toBeUndefined()
  expect(fresh.take({ id: 'a', repositoryId: 1 })).toEqual(record('a'))
  expect(fresh.take({ id: 'a', repositoryId: 1 })).toBeUndefined()
})

test('forgets the oldest when there are too many', () => {
  const fresh = new FreshUploads({ maxEntries: 2 })
  for (const id of ['a', 'b', 'c']) fresh.keep(record(id))
  expect(fresh.take({ id: 'a', repositoryId: 1 })).toBeUndefined()
  expect(fresh.take({ id: 'b', repositoryId: 1 })).toBeDefined()
  expect(fresh.take({ id: 'c', repositoryId: 1 })).toBeDefined()
})

test('one that has waited long is not fresh any more', async () => {
  const fresh = new FreshUploads({ maxAgeMs: 5 })
  fresh.keep(record('a'))
  await sleep(20)
  expect(fresh.take({ id: 'a', repositoryId: 1 })).toBeUndefined()
})
