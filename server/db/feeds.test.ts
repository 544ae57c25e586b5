import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type DatabaseContent, openContent } from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import {
  type FeedName,
  findFeedByKey,
  insertFeed,
  listFeedRecords,
  listRetiredFeeds,
  type NewFeed,
  retireFeed,
  updateFeed,
} from './feeds.ts'

describeDatabases('feeds', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })

  const unique = (name: string) => `${name}-${randomUUID().slice(0, 8)}`
  const insert = async (name: string, alternates: readonly string[] = []) => {
    const row: NewFeed['row'] = {
      name,
      description: 'd',
      active: 1,
      tag_deletion: 0,
      sparse_indexes: 0,
      overwrite: 'permission',
      external_layers: 1,
      store_id: content.storeId,
      feed_group_id: null,
    }
    return (await content.db.write(insertFeed, { names: namesOf(name, alternates), row, by: 'a' }))
      .id
  }
  const find = (key: string) => findFeedByKey(content.db.read, key)
  const rename = (id: number, name: string, alternates: readonly string[] = []) =>
    content.db.write(updateFeed, {
      ...{ id, row: {}, by: 'bob', name: { key: name.toLowerCase(), name, alternate: 0 } },
      alternateNames: namesOf(name, alternates).slice(1),
    })
  const retire = (id: number) => content.db.write(retireFeed, { id, by: 'bob' })
  const events = (feedId: number) =>
    content.db.read
      .selectFrom('events')
      .select(['kind', 'by'])
      .where('feed_id', '=', feedId)
      .orderBy('id')
      .execute()

  test('are found by each of their names, as typed and as they are', async () => {
    const [name, alternate] = [unique('Main'), unique('Docker')]
    const id = await insert(name, [alternate])
    const expected = {
      ...{ id, name, description: 'd', active: 1, tag_deletion: 0, sparse_indexes: 0 },
      ...{ overwrite: 'permission', store_id: content.storeId },
    }
    for (const key of [name.toLowerCase(), alternate.toLowerCase()]) {
      const found = await find(key)
      expect(found).toMatchObject(expected)
      expect(found?.names).toEqual(namesOf(name, [alternate]).sort(byKey))
    }
    expect(await find(name)).toBeUndefined()
    expect(await find(`${name.toLowerCase()}x`)).toBeUndefined()
    expect(await events(id)).toEqual([{ kind: 'feed.created', by: 'a' }])
  })

  test('have names of their own: no other feed has one, nor as an alternate', async () => {
    const [taken, alternate, free] = [unique('t'), unique('alt'), unique('f')]
    await insert(taken, [alternate])
    const count = (await listFeedRecords(content.db.read)).length
    const attempts = [[taken], [alternate], [free, taken], [free, alternate], [taken.toUpperCase()]]
    for (const [name = '', ...alternates] of attempts) {
      await expect(insert(name, alternates)).rejects.toMatchObject({ code: 'CONFLICT' })
    }
    expect(await listFeedRecords(content.db.read)).toHaveLength(count)
    const id = await insert(free)
    await expect(rename(id, free, [alternate])).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(rename(id, taken)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await find(free)).toMatchObject({ id, names: namesOf(free) })
  })

  test('of one name are made once, however many try', async () => {
    const name = unique('race')
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => insert(name)))
    const failures = results.filter((result) => result.status === 'rejected')
    expect(failures).toHaveLength(5)
    for (const { reason } of failures) expect(reason).toMatchObject({ code: 'CONFLICT' })
  })

  test('change what is named, and nothing else', async () => {
    const [name, alternate] = [unique('keep'), unique('also')]
    const id = await insert(name, [alternate])
    await content.db.write(updateFeed, { id, row: { sparse_indexes: 1, active: 0 }, by: 'bob' })
    expect(await find(name)).toMatchObject({
      ...{ id, description: 'd', active: 0, tag_deletion: 0, sparse_indexes: 1 },
      ...{ overwrite: 'permission', names: namesOf(name, [alternate]).sort(byKey) },
    })
    expect((await events(id)).at(-1)).toEqual({ kind: 'feed.changed', by: 'bob' })
  })

  test('are renamed, and their old names are free; a name may become an alternate', async () => {
    const [old, fresh] = [unique('old'), unique('new')]
    const id = await insert(old)
    await rename(id, fresh)
    expect(await find(old)).toBeUndefined()
    expect(await find(fresh)).toMatchObject({ id, name: fresh })
    await rename(id, fresh, [old])
    expect(await find(old)).toMatchObject({ id })
    await rename(id, old, [fresh])
    expect(await find(fresh)).toMatchObject({ id, name: old })
  })

  test('that do not exist cannot be changed', async () => {
    const change = content.db.write(updateFeed, { id: 999_999, row: { active: 0 }, by: 'bob' })
    await expect(change).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
  })

  test('are listed by name, all that have one', async () => {
    const names = [unique('list-b'), unique('list-A'), unique('list-a')]
    const ids = []
    for (const name of names) ids.push(await insert(name))
    const listed = async () =>
      (await listFeedRecords(content.db.read))
        .map((feed) => feed.name)
        .filter((name) => names.includes(name))
    expect(await listed()).toEqual([...names].sort())
    await retire(ids[0] ?? 0)
    expect(await listed()).toEqual(names.slice(1).sort())
  })

  describe('that are retired', () => {
    test('are nowhere to be found, their names are free, and their deletion is due', async () => {
      const [name, alternate] = [unique('gone'), unique('gone-too')]
      const id = await insert(name, [alternate])
      await retire(id)
      expect([await find(name), await find(alternate)]).toEqual([undefined, undefined])
      expect(await listRetiredFeeds(content.db.read)).toContain(id)
      expect((await events(id)).at(-1)).toEqual({ kind: 'feed.deleted', by: 'bob' })
      const next = await insert(name, [alternate])
      expect(await find(name)).toMatchObject({ id: next })
      expect(await listRetiredFeeds(content.db.read)).not.toContain(next)
    })

    test('stay so: who had them in hand cannot bring them back', async () => {
      const name = unique('zombie')
      const id = await insert(name)
      await retire(id)
      await expect(rename(id, name)).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
      const change = content.db.write(updateFeed, { id, row: { active: 1 }, by: 'bob' })
      await expect(change).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
      expect(await find(name)).toBeUndefined()
    })

    test('are not known any more to who retires them again', async () => {
      const id = await insert(unique('twice'))
      await retire(id)
      await expect(retire(id)).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
      await expect(retire(999_999)).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
      expect(await events(id)).toHaveLength(2)
    })

    test('while somebody renames them are retired all the same', async () => {
      for (let round = 0; round < 10; round += 1) {
        const [old, fresh] = [unique('old'), unique('new')]
        const id = await insert(old)
        const results = await Promise.allSettled([rename(id, fresh), retire(id), rename(id, old)])
        expect(results[1]?.status).toBe('fulfilled')
        expect(await listRetiredFeeds(content.db.read)).toContain(id)
        expect([await find(old), await find(fresh)]).toEqual([undefined, undefined])
      }
    })
  })
})

function namesOf(name: string, alternates: readonly string[] = []): FeedName[] {
  return [
    { key: name.toLowerCase(), name, alternate: 0 },
    ...alternates.map((each) => ({ key: each.toLowerCase(), name: each, alternate: 1 as const })),
  ]
}

function byKey(a: FeedName, b: FeedName) {
  return a.key < b.key ? -1 : 1
}
