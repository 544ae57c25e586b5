import { beforeAll, expect, test } from 'vitest'
import { type DatabaseContent, openContent } from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { changeFeed, createFeed, findFeed } from './feeds.ts'

describeDatabases('changes of a feed', (databases) => {
  let content: DatabaseContent
  let serial = 0
  beforeAll(async () => {
    content = await openContent(databases)
  })

  const create = async (alternateNames: readonly string[] = []) => {
    serial += 1
    const { db, storeId } = content
    return createFeed({ db, storeId, by: 'ann' }, { name: `Feed${serial}`, alternateNames })
  }
  const change = (name: string, changes: Parameters<typeof changeFeed>[2]) =>
    changeFeed({ db: content.db, by: 'ann' }, name, changes)

  test('made at the same time are all kept', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id, name } = await create([`Old${serial + 1}`])
      // The same name in other letters: the others find the feed before and after.
      const [fresh, alternate] = [name.toUpperCase(), `${name}-other`]
      const changed = await Promise.all([
        change(name, { name: fresh }),
        change(name, { alternateNames: [alternate] }),
        change(name, { description: 'described' }),
      ])
      for (const feed of changed) expect(feed.id).toBe(id)
      const expected = { id, name: fresh, alternateNames: [alternate], description: 'described' }
      expect(await findFeed(content.db, fresh)).toMatchObject(expected)
      expect(await findFeed(content.db, alternate)).toMatchObject(expected)
      expect(await findFeed(content.db, `Old${serial}`)).toBeUndefined()
    }
  })

  test('answer with the feed as it is from then on', async () => {
    const { id, name } = await create()
    const expected = { id, name: `${name}.x`, key: `${name}.x`.toLowerCase(), alternateNames: [] }
    expect(await change(name, { name: `${name}.x` })).toMatchObject(expected)
    expect(await change(name.concat('.x'), { active: false })).toMatchObject({
      ...{ ...expected, active: false },
    })
  })

  test('give no name twice, whichever of the two is new', async () => {
    const { name } = await create([`Also${serial + 1}`])
    const [alternate = ''] = (await findFeed(content.db, name))?.alternateNames ?? []
    const twice = { code: 'CONFLICT', message: expect.stringMatching(/given twice/) }
    await expect(change(name, { name: alternate })).rejects.toMatchObject(twice)
    await expect(change(name, { alternateNames: [name] })).rejects.toMatchObject(twice)
    await expect(change(name, { alternateNames: ['x1', 'X1'] })).rejects.toMatchObject(twice)
    await expect(change(name, { name: 'api' })).rejects.toMatchObject({ code: 'NAME_INVALID' })
    expect(await findFeed(content.db, name)).toMatchObject({ name, alternateNames: [alternate] })
  })
})
