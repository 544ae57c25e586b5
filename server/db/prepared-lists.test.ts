import { expect, test } from 'vitest'
import { addSetting, testWrites } from '../../test/support/database-writes.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import type { Params } from './prepared.ts'
import { preparedList } from './prepared-lists.ts'

describeDatabases('a prepared query with a list', (databases) => {
  test('finds what is in lists of any length, and is built once for lengths like it', async () => {
    const db = await databases.open({ writes: testWrites })
    const names = Array.from({ length: 9 }, (_, number) => `n${number}`)
    for (const name of names) await db.write(addSetting, { name, value: 'v' })
    let built = 0
    const among = preparedList(
      (queries, p: Params<{ value: string }>, items: readonly Params<{ name: string }>[]) => {
        built += 1
        return queries
          .selectFrom('settings')
          .select('name')
          .where('value', '=', p.value)
          .where(
            'name',
            'in',
            items.map((item) => item.name),
          )
          .orderBy('name')
      },
    )
    for (let length = 0; length <= names.length; length++) {
      const some = names.slice(0, length)
      const items = some.map((name) => ({ name }))
      const found = await among.list(db.read, { value: 'v' }, items)
      expect(found.map((row) => row.name)).toEqual(some)
    }
    // Of 1, 2, 4, 8 and 16 items.
    expect(built).toBe(5)
    expect(await among.list(db.read, { value: 'other' }, [{ name: 'n1' }])).toEqual([])
  })

  test('takes a list longer than one statement in pieces', async () => {
    const db = await databases.open({ writes: testWrites })
    for (const name of ['first', 'last']) await db.write(addSetting, { name, value: 'v' })
    const among = preparedList(
      (queries, _: Params<object>, items: readonly Params<{ name: string }>[]) =>
        queries
          .selectFrom('settings')
          .select('name')
          .where(
            'name',
            'in',
            items.map((item) => item.name),
          ),
    )
    const absent = Array.from({ length: 1300 }, (_, number) => ({ name: `absent ${number}` }))
    const items = [{ name: 'first' }, ...absent, { name: 'last' }]
    const found = await among.list(db.read, {}, items)
    expect(found.map((row) => row.name)).toEqual(['first', 'last'])
  })
})
