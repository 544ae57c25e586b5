import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { addPrepared, addSetting, testWrites } from '../../test/support/database-writes.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { type Params, prepared } from './prepared.ts'

describeDatabases('a prepared query', (databases) => {
  test('is built once a database, and runs with new values each time', async () => {
    const db = await databases.open({ writes: testWrites })
    await db.write(addSetting, { name: 'a', value: '1' })
    await db.write(addSetting, { name: 'b', value: '2' })
    let built = 0
    const byName = prepared((queries, p: Params<{ name: string }>) => {
      built += 1
      return queries.selectFrom('settings').selectAll().where('name', '=', p.name)
    })
    expect(await byName.find(db.read, { name: 'a' })).toEqual({ name: 'a', value: '1' })
    expect(await byName.find(db.read, { name: 'b' })).toEqual({ name: 'b', value: '2' })
    expect(await byName.find(db.read, { name: 'c' })).toBeUndefined()
    expect(built).toBe(1)
    const other = await databases.open()
    expect(await byName.list(other.read, { name: 'a' })).toEqual([])
  })

  test('keeps constants and parameters apart, and may use one twice', async () => {
    const db = await databases.open({ writes: testWrites })
    for (const name of ['a', 'b', 'c', 'd']) {
      await db.write(addSetting, { name, value: 'same' })
    }
    const page = prepared((queries, p: Params<{ after: string; not: string; count: number }>) =>
      queries
        .selectFrom('settings')
        .select(['name', sql<string>`${p.after} || '!'`.as('after')])
        .where('value', '=', 'same')
        .where('name', '>', p.after)
        .where('name', '!=', p.not)
        .orderBy('name')
        .limit(p.count),
    )
    expect(await page.list(db.read, { after: 'a', not: 'b', count: 1 })).toEqual([
      { name: 'c', after: 'a!' },
    ])
    expect(await page.list(db.read, { after: '', not: 'd', count: 10 })).toHaveLength(3)
  })

  test('works in writes and tells how many rows it touched', async () => {
    const db = await databases.open({ writes: testWrites })
    for (const name of ['a', 'b']) {
      expect(await db.write(addPrepared, { name, value: 'v' })).toEqual({ added: 1, changed: 1 })
    }
    expect(await db.read.selectFrom('settings').selectAll().orderBy('name').execute()).toEqual([
      { name: 'a', value: 'v2' },
      { name: 'b', value: 'v2' },
    ])
  })

  test('refuses a value that was left out', async () => {
    const db = await databases.open()
    const byName = prepared((queries, p: Params<{ name: string }>) =>
      queries.selectFrom('settings').selectAll().where('name', '=', p.name),
    )
    await expect(byName.find(db.read, {} as never)).rejects.toThrow('undefined')
  })
})
