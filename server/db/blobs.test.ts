import { beforeAll, describe, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { isLocationNamed, markDamaged, mountBlob } from './blobs.ts'
import { findLinkedBlob } from './links.ts'
import { findRepository } from './repositories.ts'

describeDatabases('blobs', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })

  const blobOf = async (digest: string, repository = 'app', feedId = content.feedId) =>
    findLinkedBlob(content.db.read, {
      repositoryId: await content.repositoryId(repository, feedId),
      digest,
    })
  const mount = async (
    digest: string,
    target: { repository: string; from?: string; feedId?: number; storeId?: number },
  ) =>
    content.db.write(mountBlob, {
      feedId: content.feedId,
      storeId: content.storeId,
      ...target,
      sourceRepositoryId: await content.repositoryId(target.from ?? 'app'),
      digest,
      graceMs: hourMs,
    })

  describe('mounting', () => {
    test('gives the repository the blob of the other one, where it is', async () => {
      const digest = await content.pushBlob('mounted')
      expect(await mount(digest, { repository: 'new/one' })).toBe(true)
      const { storeId, location } = (await blobOf(digest)) ?? {}
      expect(await blobOf(digest, 'new/one')).toMatchObject({ storeId, location, sizeBytes: 7 })
      expect(await findRepository(content.db.read, content.feedId, 'new/one')).toMatchObject({
        listed: 0,
      })
    })

    test('twice is the same as once, but promised anew', async () => {
      const digest = await content.pushBlob('twice')
      await mount(digest, { repository: 'twice' })
      await content.run(`update links set lease_until = 0, promised_at = 0
        where digest = '${digest}' and lease_until > 0`)
      expect(await mount(digest, { repository: 'twice' })).toBe(true)
      const links = await content.db.read
        .selectFrom('links')
        .select(['repository_id', 'lease_until', 'promised_at'])
        .where('digest', '=', digest)
        .orderBy('repository_id')
        .execute()
      const target = await content.repositoryId('twice')
      const renewed = links.filter((link) => link.lease_until > 0 && link.promised_at > 0)
      expect(links).toHaveLength(2)
      expect(renewed.map((link) => link.repository_id)).toEqual([target])
    })

    test('reaches feeds of the same store, and none of another', async () => {
      const digest = await content.pushBlob('between feeds')
      const feedId = await content.addFeed()
      expect(await mount(digest, { repository: 'x', feedId })).toBe(true)
      const storeId = await content.addStore()
      const far = await content.addFeed({ store_id: storeId })
      expect(await mount(digest, { repository: 'x', feedId: far, storeId })).toBe(false)
      expect(await findRepository(content.db.read, far, 'x')).toBeUndefined()
    })

    test('a blob that the source does not have must be uploaded', async () => {
      const digest = await content.pushBlob('not in source', { repository: 'has it' })
      await content.pushBlob('anything')
      expect(await mount(digest, { repository: 'nobody' })).toBe(false)
      expect(await findRepository(content.db.read, content.feedId, 'nobody')).toBeUndefined()
    })

    test('a damaged blob is not mounted, and no repository is left', async () => {
      const digest = await content.pushBlob('damaged')
      const blob = await blobOf(digest)
      const at = { storeId: content.storeId, location: blob?.location ?? '' }
      expect(await content.db.write(markDamaged, at)).toBe(true)
      await expect(mount(digest, { repository: 'left over' })).rejects.toMatchObject({
        code: 'BLOB_UNKNOWN',
      })
      expect(await findRepository(content.db.read, content.feedId, 'left over')).toBeUndefined()
    })

    test.each([
      ['gone', 999_999],
      ['switched off', undefined],
    ])('a feed that is %s takes nothing', async (_, gone) => {
      const digest = await content.pushBlob('for no feed')
      const feedId = gone ?? (await content.addFeed({ active: 0 }))
      await expect(mount(digest, { repository: 'x', feedId })).rejects.toMatchObject({
        code: 'NAME_UNKNOWN',
      })
    })
  })

  describe('damage', () => {
    test('is noted once, and only for the location that was tried', async () => {
      const { storeId } = content
      const digest = await content.pushBlob('broken')
      const location = (await blobOf(digest))?.location ?? ''
      expect(await content.db.write(markDamaged, { storeId, location: 'older' })).toBe(false)
      expect(await blobOf(digest)).toBeDefined()
      expect(await content.db.write(markDamaged, { storeId, location })).toBe(true)
      expect(await blobOf(digest)).toBeUndefined()
      expect(await content.db.write(markDamaged, { storeId, location })).toBe(false)
    })

    test('is healed by pushing again: for every repository, at the new place', async () => {
      const { storeId } = content
      const digest = await content.pushBlob('healed')
      await content.pushBlob('healed', { repository: 'second' })
      const before = (await blobOf(digest))?.location ?? ''
      await content.db.write(markDamaged, { storeId, location: before })
      const upload = await content.startUpload({ repository: 'third' })
      await content.commit(upload, digest)
      for (const repository of ['app', 'second', 'third']) {
        expect(await blobOf(digest, repository)).toMatchObject({ location: upload.location })
      }
      expect(await content.db.write(markDamaged, { storeId, location: before })).toBe(false)
    })
  })

  test('a location is named while a blob is there, in this store', async () => {
    const { read } = content.db
    const digest = await content.pushBlob('named')
    const first = (await blobOf(digest))?.location ?? ''
    expect(await isLocationNamed(read, content.storeId, first)).toBe(true)
    expect(await isLocationNamed(read, await content.addStore(), first)).toBe(false)
    await content.pushBlob('named')
    expect(await isLocationNamed(read, content.storeId, first)).toBe(false)
    expect(await isLocationNamed(read, content.storeId, digestFor('nothing'))).toBe(false)
  })
})
