import { beforeAll, describe, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { findLinkedBlob, listBlobUsers } from './links.ts'
import { findRepository } from './repositories.ts'
import { purgeUpload } from './upload-purge.ts'
import { advanceUpload, claimUpload, commitUpload, findUpload } from './uploads.ts'

describeDatabases('uploads', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })

  const freed = () =>
    content.db.read.selectFrom('freed_locations').select(['store_id', 'location']).execute()

  test('a new upload is open, empty and in a repository that is not listed', async () => {
    const upload = await content.startUpload({ repository: 'new/upload' })
    expect(upload).toMatchObject({
      ...{ epoch: 0, offsetBytes: 0, digestSoFar: null, algorithm: 'sha256' },
      ...{ storeId: content.storeId, location: upload.id },
      repositoryId: await content.repositoryId('new/upload'),
    })
    expect(Math.abs(upload.startedAt - Date.now())).toBeLessThan(10_000)
    expect(await findUpload(content.db.read, upload)).toEqual(upload)
    expect(await findRepository(content.db.read, content.feedId, 'new/upload')).toMatchObject({
      listed: 0,
    })
  })

  test('an upload is found only in its repository', async () => {
    const upload = await content.startUpload()
    await content.startUpload({ repository: 'wrong' })
    const wrong = { id: upload.id, repositoryId: await content.repositoryId('wrong') }
    expect(await findUpload(content.db.read, wrong)).toBeUndefined()
    expect(await content.db.write(claimUpload, wrong)).toBeUndefined()
  })

  test.each(['gone', 'switched off'])('a feed that is %s takes no upload', async (what) => {
    const feedId = what === 'gone' ? 999_999 : await content.addFeed({ active: 0 })
    await expect(content.startUpload({ feedId })).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
  })

  test('each claim raises the epoch, and only the last claimant advances', async () => {
    const upload = await content.startUpload()
    const first = await content.db.write(claimUpload, upload)
    const second = await content.db.write(claimUpload, upload)
    expect([first?.epoch, second?.epoch]).toEqual([1, 2])
    const bytes = { id: upload.id, offsetBytes: 10, digestSoFar: digestFor('ten') }
    expect(await content.db.write(advanceUpload, { ...bytes, epoch: 1 })).toBe(false)
    expect(await findUpload(content.db.read, upload)).toMatchObject({ offsetBytes: 0 })
    expect(await content.db.write(advanceUpload, { ...bytes, epoch: 2 })).toBe(true)
    expect(await findUpload(content.db.read, upload)).toMatchObject({
      ...{ offsetBytes: 10, digestSoFar: digestFor('ten'), epoch: 2 },
    })
  })

  test('a claim and an advance are progress', async () => {
    const upload = await content.startUpload()
    const progress = async () =>
      content.db.read
        .selectFrom('uploads')
        .select('last_progress')
        .where('id', '=', upload.id)
        .executeTakeFirstOrThrow()
    const forget = () =>
      content.run(`update uploads set last_progress = 0 where id = '${upload.id}'`)
    await forget()
    await content.db.write(claimUpload, upload)
    expect((await progress()).last_progress).toBeGreaterThan(0)
    await forget()
    const bytes = { id: upload.id, epoch: 1, offsetBytes: 1, digestSoFar: digestFor('one') }
    await content.db.write(advanceUpload, bytes)
    expect((await progress()).last_progress).toBeGreaterThan(0)
  })

  test('a purged upload can be neither found, claimed, advanced nor committed', async () => {
    const upload = await content.startUpload()
    await content.db.write(purgeUpload, upload)
    expect(await findUpload(content.db.read, upload)).toBeUndefined()
    expect(await content.db.write(claimUpload, upload)).toBeUndefined()
    const bytes = { id: upload.id, offsetBytes: 1, digestSoFar: digestFor('one') }
    for (const epoch of [0, 1]) {
      expect(await content.db.write(advanceUpload, { ...bytes, epoch })).toBe(false)
      expect(await content.commit(upload, digestFor('purged'), { epoch })).toBe('unknown')
    }
  })

  describe('a commit', () => {
    test('makes the bytes a blob of the repository and ends the upload', async () => {
      const upload = await content.startUpload()
      const digest = digestFor('committed')
      expect(await content.commit(upload, digest)).toBe('committed')
      const key = { repositoryId: upload.repositoryId, digest }
      expect(await findLinkedBlob(content.db.read, key)).toMatchObject({
        ...{ storeId: content.storeId, location: upload.location, sizeBytes: 7 },
      })
      expect(await findUpload(content.db.read, upload)).toBeUndefined()
      expect(await freed()).not.toContainEqual({
        store_id: content.storeId,
        location: upload.location,
      })
    })

    test('adopts the new location even when the blob is there, and frees the old one', async () => {
      const digest = digestFor('again')
      const first = await content.startUpload()
      const second = await content.startUpload({ repository: 'other' })
      await content.commit(first, digest)
      await content.db.write(commitUpload, { ...second, digest, sizeBytes: 9, graceMs: hourMs })
      const key = { repositoryId: first.repositoryId, digest }
      expect(await findLinkedBlob(content.db.read, key)).toMatchObject({
        ...{ location: second.location, sizeBytes: 9 },
      })
      expect(await freed()).toContainEqual({ store_id: content.storeId, location: first.location })
    })

    test('in another store leaves the blob of this one alone', async () => {
      const storeId = await content.addStore()
      const digest = await content.pushBlob('in two stores')
      const before = await freed()
      await content.pushBlob('in two stores', { storeId, repository: 'moved' })
      expect(await freed()).toEqual(before)
      const rows = await content.db.read
        .selectFrom('blobs')
        .select('store_id')
        .where('digest', '=', digest)
        .execute()
      expect(rows).toHaveLength(2)
    })

    test('with an older epoch changes nothing', async () => {
      const upload = await content.startUpload({ repository: 'epochs' })
      const claimed = await content.db.write(claimUpload, upload)
      const digest = digestFor('older epoch')
      expect(await content.commit(upload, digest)).toBe('unknown')
      const key = { repositoryId: upload.repositoryId, digest }
      expect(await findLinkedBlob(content.db.read, key)).toBeUndefined()
      expect(await findUpload(content.db.read, upload)).toEqual(claimed)
    })

    test('of an upload that was committed is fine, and promises the blob anew', async () => {
      const upload = await content.startUpload({ repository: 'twice' })
      const digest = digestFor('committed twice')
      expect(await content.commit(upload, digest)).toBe('committed')
      await content.run(`update links set lease_until = 0 where digest = '${digest}'`)
      expect(await content.commit(upload, digest)).toBe('present')
      const link = await content.db.read
        .selectFrom('links')
        .select('lease_until')
        .where('digest', '=', digest)
        .executeTakeFirstOrThrow()
      expect(link.lease_until).toBeGreaterThan(Date.now())
      expect(await content.commit(upload, digestFor('another digest'))).toBe('unknown')
    })

    test('becomes an edge of the indexes that waited for it', async () => {
      const feedId = await content.addFeed({ sparse_indexes: 1 })
      const digest = digestFor('waited for')
      const parents = await Promise.all(
        ['first', 'second'].map((name) =>
          content.put(content.manifest(name, { feedId, children: [digest] })),
        ),
      )
      const key = { repositoryId: await content.repositoryId('app', feedId), digest }
      expect(await listBlobUsers(content.db.read, key, 10)).toEqual([])
      await content.pushBlob('waited for', { feedId })
      const users = await listBlobUsers(content.db.read, key, 10)
      expect(new Set(users.map((user) => user.digest))).toEqual(new Set(parents))
      expect(users.map((user) => user.role)).toEqual(['child', 'child'])
      const wanted = content.db.read.selectFrom('wanted').where('digest', '=', digest)
      expect(await wanted.selectAll().execute()).toEqual([])
    })
  })
})
