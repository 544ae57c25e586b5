import { beforeAll, beforeEach, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { keepUploadAlive, needsKeepAlive } from './keep-alive.ts'
import { nowMs } from './sql.ts'
import { claimUpload, type UploadRecord } from './uploads.ts'

describeDatabases('keep-alive', (databases) => {
  let content: DatabaseContent
  let upload: UploadRecord
  let repository = ''
  beforeAll(async () => {
    content = await openContent(databases)
  })

  /** An upload that began ten hours ago. */
  beforeEach(async ({ task }) => {
    repository = `r-${task.id.replaceAll(/[^0-9]/g, '')}`
    upload = await content.startUpload({ repository })
    await content.run(`update uploads set started_at = started_at - ${10 * hourMs},
      last_progress = 0 where id = '${upload.id}'`)
    upload = { ...upload, startedAt: upload.startedAt - 10 * hourMs }
  })

  const lease = () => ({ ...upload, graceMs: hourMs })
  const setTimes = async (
    table: 'links' | 'manifests',
    digest: string,
    times: { leaseMs: number; promisedMs: number },
  ) => {
    await content.run(`update ${table} set lease_until = now_ms() + ${times.leaseMs},
      promised_at = now_ms() + ${times.promisedMs}
      where repository_id = ${upload.repositoryId} and digest = '${digest}'`)
  }
  const leftMs = async (table: 'links' | 'manifests', digest: string) => {
    const row = await content.db.read
      .selectFrom(table)
      .select((eb) => eb('lease_until', '-', nowMs).as('ms'))
      .where('repository_id', '=', upload.repositoryId)
      .where('digest', '=', digest)
      .executeTakeFirstOrThrow()
    return row.ms
  }

  const rows = [
    ['renews a lease that was held when the upload began', -9 * hourMs, -9 * hourMs, true],
    ['renews one that ran out less than the grace time before', -10.9 * hourMs, -11 * hourMs, true],
    ['leaves one that ran out before that', -11.1 * hourMs, -12 * hourMs, false],
    ['renews one of which half is spent', 0.49 * hourMs, -9 * hourMs, true],
    ['leaves one of which more than half is ahead', 0.51 * hourMs, -0.4 * hourMs, false],
    ['renews what was promised less than a day ago', 0, -23.9 * hourMs, true],
    ['leaves what was promised more than a day ago', 0, -24.1 * hourMs, false],
  ] as const
  for (const [name, leaseMs, promisedMs, renewed] of rows) {
    test(`${name}, be it a blob or a manifest`, async () => {
      const blob = await content.pushBlob('blob', { repository })
      const manifest = await content.put(content.manifest('manifest', { repository }))
      for (const [table, digest] of [
        ['links', blob],
        ['manifests', manifest],
      ] as const) {
        await content.run(`update links set lease_until = now_ms() + ${5 * hourMs}`)
        await content.run(`update manifests set lease_until = now_ms() + ${5 * hourMs}`)
        await setTimes(table, digest, { leaseMs, promisedMs })
        expect(await needsKeepAlive(content.db.read, lease())).toBe(renewed)
        expect(await content.db.write(keepUploadAlive, lease())).toBe(true)
        const left = await leftMs(table, digest)
        expect(Math.abs(left - (renewed ? hourMs : leaseMs))).toBeLessThan(10_000)
        expect(await needsKeepAlive(content.db.read, lease())).toBe(false)
      }
    })
  }

  test('renews exactly those, when there are others beside', async () => {
    const [held, over, old] = [
      await content.pushBlob('held', { repository }),
      await content.pushBlob('over', { repository }),
      await content.pushBlob('old', { repository }),
    ]
    await setTimes('links', held, { leaseMs: 0, promisedMs: -9 * hourMs })
    await setTimes('links', over, { leaseMs: -12 * hourMs, promisedMs: -13 * hourMs })
    await setTimes('links', old, { leaseMs: 0, promisedMs: -25 * hourMs })
    await content.db.write(keepUploadAlive, lease())
    expect(await leftMs('links', held)).toBeGreaterThan(hourMs - 10_000)
    expect(await leftMs('links', over)).toBeLessThan(-11 * hourMs)
    expect(await leftMs('links', old)).toBeLessThanOrEqual(0)
  })

  test('does not count as a promise', async () => {
    const blob = await content.pushBlob('blob', { repository })
    await setTimes('links', blob, { leaseMs: 0, promisedMs: -9 * hourMs })
    await content.db.write(keepUploadAlive, lease())
    const row = await content.db.read
      .selectFrom('links')
      .select((eb) => eb(nowMs, '-', eb.ref('promised_at')).as('agoMs'))
      .where('repository_id', '=', upload.repositoryId)
      .executeTakeFirstOrThrow()
    expect(row.agoMs).toBeGreaterThanOrEqual(9 * hourMs)
  })

  test('is progress of the upload, and renews nothing in other repositories', async () => {
    const blob = await content.pushBlob('blob', { repository })
    await content.pushBlob('blob', { repository: 'another' })
    await content.run(`update links set lease_until = now_ms() where digest = '${blob}'`)
    await content.db.write(keepUploadAlive, lease())
    const others = await content.db.read
      .selectFrom('links')
      .select('repository_id')
      .where('digest', '=', blob)
      .where('lease_until', '>', nowMs)
      .execute()
    expect(others).toEqual([{ repository_id: upload.repositoryId }])
    const { last_progress } = await content.db.read
      .selectFrom('uploads')
      .select('last_progress')
      .where('id', '=', upload.id)
      .executeTakeFirstOrThrow()
    expect(last_progress).toBeGreaterThan(0)
  })

  test('renews thousands at once', async () => {
    const blob = await content.pushBlob('blob', { repository })
    const from = `with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500)`
    await content.run(`insert into blobs (store_id, digest, location, size_bytes, state, created_at)
      ${from} select ${content.storeId}, 'many' || i, 'many' || i, 1, 'live', 0 from n`)
    await content.run(`insert into links (repository_id, digest, store_id, promised_at, lease_until)
      ${from} select ${upload.repositoryId}, 'many' || i, ${content.storeId}, now_ms(), now_ms()
      from n`)
    await setTimes('links', blob, { leaseMs: 0, promisedMs: 0 })
    expect(await content.db.write(keepUploadAlive, lease())).toBe(true)
    const { count } = await content.db.read
      .selectFrom('links')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('repository_id', '=', upload.repositoryId)
      .where((eb) => eb('lease_until', '>', eb(nowMs, '+', hourMs - 60_000)))
      .executeTakeFirstOrThrow()
    expect(count).toBe(2501)
  })

  test('of an upload that has another writer, or is gone, renews nothing', async () => {
    const blob = await content.pushBlob('blob', { repository })
    await setTimes('links', blob, { leaseMs: 0, promisedMs: 0 })
    await content.db.write(claimUpload, upload)
    expect(await content.db.write(keepUploadAlive, lease())).toBe(false)
    expect(await leftMs('links', blob)).toBeLessThanOrEqual(0)
    const gone = { ...lease(), id: digestFor('no upload') }
    expect(await content.db.write(keepUploadAlive, gone)).toBe(false)
  })
})
