import { beforeAll, beforeEach, expect, test } from 'vitest'
import { type DatabaseContent, hourMs, openContent } from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { deletePurgedUploads, listPurgingUploads, purgeIdle, purgeUpload } from './upload-purge.ts'
import { advanceUpload, claimUpload, findUpload, type UploadRecord } from './uploads.ts'

describeDatabases('the purge of uploads', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })
  beforeEach(() => content.run('delete from uploads'))

  /** An upload whose last progress was so long ago. */
  const startIdle = async (idleMs: number, feedId = content.feedId): Promise<UploadRecord> => {
    const upload = await content.startUpload({ feedId })
    await content.run(`update uploads set last_progress = now_ms() - ${idleMs}
      where id = '${upload.id}'`)
    return upload
  }
  const ids = (uploads: readonly { readonly id: string }[]) => uploads.map(({ id }) => id).sort()
  const purge = async (limit = 100, feedId?: number) =>
    ids(
      await content.db.write(purgeIdle, {
        ...{ idleMs: hourMs, limit },
        ...(feedId !== undefined && { feedId }),
      }),
    )

  test('tells what to remove, once', async () => {
    const upload = await content.startUpload()
    const bytes = { id: upload.id, epoch: 1, offsetBytes: 12, digestSoFar: 'sha256:x' }
    await content.db.write(claimUpload, upload)
    await content.db.write(advanceUpload, bytes)
    const { id, storeId, location } = upload
    const purged = { id, storeId, location, offsetBytes: 12 }
    expect(await content.db.write(purgeUpload, upload)).toEqual(purged)
    expect(await content.db.write(purgeUpload, upload)).toBeUndefined()
    expect(await listPurgingUploads(content.db.read, { limit: 10, after: '' })).toEqual([purged])
  })

  test('names the repository: an upload of another one stays', async () => {
    const upload = await content.startUpload()
    await content.startUpload({ repository: 'other' })
    const repositoryId = await content.repositoryId('other')
    expect(await content.db.write(purgeUpload, { id: upload.id, repositoryId })).toBeUndefined()
    expect(await findUpload(content.db.read, upload)).toBeDefined()
  })

  test('ends idle uploads and leaves those that make progress', async () => {
    const idle = await startIdle(hourMs + 1000)
    const busy = await startIdle(hourMs - 60_000)
    expect(await purge()).toEqual([idle.id])
    expect(await findUpload(content.db.read, busy)).toBeDefined()
    expect(await findUpload(content.db.read, idle)).toBeUndefined()
    expect(await purge()).toEqual([])
  })

  test('takes the longest idle first, a few at a time', async () => {
    const uploads = []
    for (const hours of [3, 5, 2, 4]) uploads.push(await startIdle(hours * hourMs))
    const [three, five, two, four] = uploads.map(({ id }) => id)
    expect(await purge(2)).toEqual([five, four].sort())
    expect(await purge(2)).toEqual([three, two].sort())
    expect(await purge(2)).toEqual([])
  })

  test('of one feed leaves the others, and with no time at all takes what began just now', async () => {
    const feedId = await content.addFeed()
    const own = await startIdle(0, feedId)
    const other = await startIdle(5 * hourMs)
    const purged = await content.db.write(purgeIdle, { idleMs: 0, limit: 10, feedId })
    expect(ids(purged)).toEqual([own.id])
    expect(await findUpload(content.db.read, other)).toBeDefined()
  })

  test('is resumed until the bytes are gone', async () => {
    const uploads = [await startIdle(2 * hourMs), await startIdle(2 * hourMs)]
    await purge()
    expect(ids(await listPurgingUploads(content.db.read, { limit: 10, after: '' }))).toEqual(
      ids(uploads),
    )
    expect(await listPurgingUploads(content.db.read, { limit: 1, after: '' })).toHaveLength(1)
    const [first, second] = uploads
    await content.db.write(deletePurgedUploads, { ids: [first?.id ?? ''] })
    expect(ids(await listPurgingUploads(content.db.read, { limit: 10, after: '' }))).toEqual([
      second?.id,
    ])
    await content.db.write(deletePurgedUploads, { ids: ids(uploads) })
    expect(await listPurgingUploads(content.db.read, { limit: 10, after: '' })).toEqual([])
  })

  test('forgets no upload that is open', async () => {
    const open = await content.startUpload()
    await content.db.write(deletePurgedUploads, { ids: [open.id] })
    await content.db.write(deletePurgedUploads, { ids: [] })
    expect(await findUpload(content.db.read, open)).toBeDefined()
  })

  test('at the same time from several processes takes each upload once', async () => {
    const uploads = []
    for (let count = 0; count < 12; count += 1) uploads.push(await startIdle(2 * hourMs))
    const runs = await Promise.all(Array.from({ length: 4 }, () => purge()))
    expect(runs.flat().sort()).toEqual(ids(uploads))
  })
})
