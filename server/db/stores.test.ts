import { beforeAll, expect, test } from 'vitest'
import { describeDatabases } from '../../test/support/databases.ts'
import type { Db } from './database.ts'
import { claimStoreMarker, ensureStore, listStores } from './stores.ts'

describeDatabases('stores', (databases) => {
  let db: Db
  beforeAll(async () => {
    db = await databases.open()
  })

  const ensure = (path: string) =>
    db.write(ensureStore, { type: 'disk', settings: JSON.stringify({ path }) })

  test('are shared by those who name the same place, also at the same time', async () => {
    const made = await Promise.all(Array.from({ length: 6 }, () => ensure('same')))
    expect(new Set(made.map((store) => store.id)).size).toBe(1)
    expect((await ensure('other')).id).not.toBe(made[0]?.id)
    expect(await listStores(db.read)).toHaveLength(2)
  })

  test('keep the mark of the folder that was found there', async () => {
    const store = await ensure('marked')
    const bystander = await ensure('not marked')
    expect(store).toEqual({
      id: store.id,
      type: 'disk',
      settings: '{"path":"marked"}',
      marker: null,
      options: '{}',
      secret: null,
      version: 1,
    })
    await db.write(claimStoreMarker, { id: store.id, marker: 'm-1' })
    expect(await ensure('marked')).toEqual({ ...store, marker: 'm-1' })
    expect(await ensure('not marked')).toEqual(bystander)
    expect((await listStores(db.read)).map((each) => each.id)).toContain(store.id)
  })
})
