import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { openS3Bucket } from '../../server/blobs/s3-bucket.ts'
import { forgetOldSnapshots } from '../../server/registry/backup/retention.ts'
import type { BackupTarget } from '../../server/registry/backup/target.ts'
import { listen } from './backups.ts'
import { someInfo } from './bucket-content.ts'

const [first, second, third] = [1, 2, 3].map((day) => `2026-12-0${day}T00-00-00.000Z`) as [
  string,
  string,
  string,
]

test('a snapshot that was just made stays, wherever its name comes', async () => {
  const { target, done } = makeTarget([first, second, third])
  await forgetOldSnapshots({ target, report: listen() }, { keep: 1, made: first })
  expect(done).toEqual([`removed ${second}`, `blobs but of ${third} ${first}`])
})

test('nothing is removed where the list of snapshots lacks the one that was just made', async () => {
  const { target, done } = makeTarget([first, second])
  const forget = (keep: number | null) =>
    forgetOldSnapshots({ target, report: listen() }, { keep, made: third })
  await expect(forget(1)).rejects.toThrow(`a place does not have ${third}`)
  await forget(null)
  expect(done).toEqual([])
})

test('a list that breaks off is no list', async () => {
  const page =
    '<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>'
  const service = createServer((_request, response) => response.end(page)).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const { port } = service.address() as AddressInfo
  const bucket = openS3Bucket({
    ...{ bucket: 'backups', prefix: '', region: 'us-east-1', pathStyle: true },
    ...{ endpoint: `http://127.0.0.1:${port}`, publicEndpoint: null, encryption: null },
    ...{ credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, uniformPartBytes: null },
  })
  const list = bucket.list({ prefix: '', after: null, count: 10 })
  await expect(list).rejects.toThrow('a list that breaks off')
  await bucket[Symbol.asyncDispose]()
  service.close()
})

/** Snapshots alone, and what was asked of it. */
function makeTarget(names: readonly string[]) {
  const done: string[] = []
  const target: Pick<BackupTarget, 'name' | 'list' | 'read' | 'removeSnapshot' | 'removeBlobs'> = {
    name: 'a place',
    list: async () => [...names],
    read: async () => Buffer.from(JSON.stringify(someInfo)),
    removeSnapshot: async (name) => void done.push(`removed ${name}`),
    removeBlobs: async (kept) => void done.push(`blobs but of ${kept.join(' ')}`),
  }
  return { target: target as BackupTarget, done }
}
