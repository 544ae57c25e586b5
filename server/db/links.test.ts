import { beforeAll, describe, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { markDamaged } from './blobs.ts'
import { retireFeed, updateFeed } from './feeds.ts'
import {
  deleteLink,
  findLinkedBlob,
  findPromise,
  listBlobUsers,
  listMountSources,
  promiseBlob,
} from './links.ts'
import { nowMs } from './sql.ts'

describeDatabases('links', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })

  const keyOf = async (digest: string, repository = 'app') => ({
    repositoryId: await content.repositoryId(repository),
    digest,
  })
  /** A lease and a promise that were given so long ago. */
  const age = (
    digest: string,
    times: { readonly leftMs: number; readonly promisedAgoMs: number },
  ) =>
    content.run(`update links set lease_until = now_ms() + ${times.leftMs},
      promised_at = now_ms() - ${times.promisedAgoMs} where digest = '${digest}'`)
  const times = (digest: string) =>
    content.db.read
      .selectFrom('links')
      .select([
        (eb) => eb('lease_until', '-', nowMs).as('leftMs'),
        (eb) => eb(nowMs, '-', eb.ref('promised_at')).as('agoMs'),
      ])
      .where('digest', '=', digest)
      .executeTakeFirstOrThrow()

  describe('a promise', () => {
    test('is fresh when the blob was just committed', async () => {
      const digest = await content.pushBlob('fresh')
      const found = await findPromise(content.db.read, await keyOf(digest), hourMs)
      expect(found).toMatchObject({ storeId: content.storeId, sizeBytes: 7, fresh: true })
    })

    test.each([
      ['while half of the lease is ahead', { leftMs: hourMs / 2 + 5000, promisedAgoMs: 0 }, true],
      ['not once half is spent', { leftMs: hourMs / 2 - 1, promisedAgoMs: 0 }, false],
      ['not twelve hours later', { leftMs: hourMs, promisedAgoMs: 12 * hourMs }, false],
      ['twelve hours later, almost', { leftMs: hourMs, promisedAgoMs: 12 * hourMs - 5000 }, true],
    ])('is fresh %s', async (name, lease, fresh) => {
      const digest = await content.pushBlob(name)
      await age(digest, lease)
      const found = await findPromise(content.db.read, await keyOf(digest), hourMs)
      expect(found?.fresh).toBe(fresh)
    })

    test('renewed covers the grace time from now, and says when it was given', async () => {
      const digest = await content.pushBlob('renewed')
      await age(digest, { leftMs: -10 * hourMs, promisedAgoMs: 20 * hourMs })
      expect(
        await content.db.write(promiseBlob, { ...(await keyOf(digest)), graceMs: hourMs }),
      ).toBe(true)
      const { leftMs, agoMs } = await times(digest)
      expect(leftMs).toBeGreaterThan(hourMs - 10_000)
      expect(leftMs).toBeLessThanOrEqual(hourMs)
      expect(agoMs).toBeLessThan(10_000)
    })

    test('never makes a lease shorter', async () => {
      const digest = await content.pushBlob('longer')
      await age(digest, { leftMs: 5 * hourMs, promisedAgoMs: 0 })
      await content.db.write(promiseBlob, { ...(await keyOf(digest)), graceMs: hourMs })
      expect((await times(digest)).leftMs).toBeGreaterThan(4 * hourMs)
    })

    test('is given for no blob of another repository, and for none that is damaged', async () => {
      const digest = await content.pushBlob('elsewhere', { repository: 'other' })
      await content.pushBlob('mine')
      const here = await keyOf(digest)
      const promise = async (key: typeof here) =>
        content.db.write(promiseBlob, { ...key, graceMs: hourMs })
      expect(await promise(here)).toBe(false)
      expect(await findPromise(content.db.read, here, hourMs)).toBeUndefined()
      const there = await keyOf(digest, 'other')
      expect(await promise(there)).toBe(true)
      const blob = await findLinkedBlob(content.db.read, there)
      await content.db.write(markDamaged, { ...place(blob) })
      expect(await promise(there)).toBe(false)
      expect(await findLinkedBlob(content.db.read, there)).toBeUndefined()
    })
  })

  test('a new link is a candidate of clean-up once its lease and the grace time are over', async () => {
    const digest = await content.pushBlob('candidate')
    const rows = await content.db.read
      .selectFrom('candidates')
      .select(['kind', 'scope_id', (eb) => eb('due', '-', nowMs).as('inMs')])
      .where('digest', '=', digest)
      .execute()
    expect(rows).toMatchObject([{ kind: 'link', scope_id: await content.repositoryId('app') }])
    expect(rows[0]?.inMs).toBeGreaterThan(2 * hourMs - 10_000)
    expect(rows[0]?.inMs).toBeLessThanOrEqual(2 * hourMs)
  })

  test('mount sources are the repositories that have the blob in the store', async () => {
    const otherStore = await content.addStore()
    const otherFeed = await content.addFeed({ store_id: otherStore })
    const digest = await content.pushBlob('source', { repository: 'one' })
    await content.pushBlob('source', { repository: 'two/deep' })
    await content.pushBlob('source', { feedId: otherFeed, storeId: otherStore })
    const list = (storeId: number, limit: number) =>
      listMountSources(content.db.read, { storeId, digest, limit })
    const { feedId } = content
    expect((await list(content.storeId, 10)).sort(byId)).toEqual([
      {
        feedId,
        feedGroupId: null,
        repository: 'one',
        repositoryId: await content.repositoryId('one'),
      },
      {
        ...{ feedId, feedGroupId: null, repository: 'two/deep' },
        repositoryId: await content.repositoryId('two/deep'),
      },
    ])
    expect(await list(content.storeId, 1)).toHaveLength(1)
    expect(await list(otherStore, 10)).toMatchObject([{ feedId: otherFeed, repository: 'app' }])
  })

  test('mount sources are in active feeds only', async () => {
    const [off, deleted] = [await content.addFeed(), await content.addFeed()]
    const digest = await content.pushBlob('hidden source', { feedId: off })
    await content.pushBlob('hidden source', { feedId: deleted })
    const list = () =>
      listMountSources(content.db.read, { storeId: content.storeId, digest, limit: 10 })
    expect(await list()).toHaveLength(2)
    await content.db.write(updateFeed, { id: off, row: { active: 0 }, by: 'ann' })
    expect(await list()).toMatchObject([{ feedId: deleted }])
    await content.db.write(retireFeed, { id: deleted, by: 'ann' })
    expect(await list()).toEqual([])
    await content.db.write(updateFeed, { id: off, row: { active: 1 }, by: 'ann' })
    expect(await list()).toMatchObject([{ feedId: off }])
  })

  test('the users of a blob are the manifests of the repository, each with its use', async () => {
    const blob = await content.pushBlob('used')
    await content.pushBlob('used', { repository: 'beside' })
    const asLayer = await content.put(content.manifest('by layer', { layers: [blob] }))
    const asConfig = await content.put(content.manifest('by config', { config: blob }))
    const asChild = await content.put(content.manifest('by child', { children: [blob] }))
    await content.put(content.manifest('beside', { layers: [blob], repository: 'beside' }))
    const key = await keyOf(blob)
    expect(await listBlobUsers(content.db.read, key, 10)).toEqual([
      { digest: asChild, role: 'child' },
      { digest: asConfig, role: 'config' },
      { digest: asLayer, role: 'layer' },
    ])
    expect(await listBlobUsers(content.db.read, { ...key, role: 'config' }, 10)).toEqual([
      { digest: asConfig, role: 'config' },
    ])
    expect(await listBlobUsers(content.db.read, key, 2)).toHaveLength(2)
  })

  describe('deleting', () => {
    test('takes the blob from this repository alone and tells clean-up', async () => {
      const digest = await content.pushBlob('deleted')
      await content.pushBlob('deleted', { repository: 'keeps' })
      const key = await keyOf(digest)
      expect(await content.db.write(deleteLink, { ...key, by: 'test' })).toBe(true)
      expect(await findLinkedBlob(content.db.read, key)).toBeUndefined()
      expect(await findLinkedBlob(content.db.read, await keyOf(digest, 'keeps'))).toBeDefined()
      const noted = await content.db.read
        .selectFrom('candidates')
        .select('scope_id')
        .where('digest', '=', digest)
        .where('kind', '=', 'blob')
        .execute()
      expect(noted).toEqual([{ scope_id: content.storeId }])
      expect(await content.db.write(deleteLink, { ...key, by: 'test' })).toBe(false)
    })

    test('is refused while a manifest uses the blob, and names it', async () => {
      const blob = await content.pushBlob('held')
      const user = await content.put(content.manifest('holder', { layers: [blob] }))
      await expect(
        content.db.write(deleteLink, { ...(await keyOf(blob)), by: 'test' }),
      ).rejects.toMatchObject({
        code: 'IN_USE',
        message: expect.stringContaining(user),
        detail: { usedBy: [user] },
      })
      expect(await findLinkedBlob(content.db.read, await keyOf(blob))).toBeDefined()
    })

    test('a repository that is gone is not known', async () => {
      const key = { repositoryId: 999_999, digest: digestFor('x') }
      await expect(content.db.write(deleteLink, { ...key, by: 'test' })).rejects.toMatchObject({
        code: 'NAME_UNKNOWN',
      })
    })
  })
})

function byId(a: { readonly repositoryId: number }, b: { readonly repositoryId: number }) {
  return a.repositoryId - b.repositoryId
}

function place(blob: { readonly storeId: number; readonly location: string } | undefined) {
  if (!blob) throw new Error('there is no such blob')
  return { storeId: blob.storeId, location: blob.location }
}
