import { beforeAll, expect, test } from 'vitest'
import { describeDatabases } from '../../test/support/databases.ts'
import { hasAdministrator } from './administrators.ts'
import type { Db } from './database.ts'
import { findRefreshToken, insertRefreshToken } from './refresh-tokens.ts'
import { findSetting, listSettings, setSetting } from './settings.ts'
import { ensureAdministrator, findUser, findUserByKey, insertUser, setPassword } from './users.ts'

describeDatabases('users, refresh tokens and settings', (databases) => {
  let db: Db
  beforeAll(async () => {
    db = await databases.open()
  })
  const ann = {
    name: 'Ann',
    key: 'ann',
    displayName: 'Ann',
    email: '',
    passwordHash: 'x',
  }

  test('the first user is an administrator, and there is only one first', async () => {
    const root = { ...ann, key: 'root' }
    const results = await Promise.all([1, 2, 3].map(() => db.write(ensureAdministrator, root)))
    expect(results.filter((made) => made)).toHaveLength(1)
    expect(await findUserByKey(db.read, 'root')).toMatchObject({ active: true })
    expect(await hasAdministrator(db.read)).toBe(true)
    expect(await db.write(ensureAdministrator, { ...ann, key: 'late' })).toBe(false)
    expect(await findUserByKey(db.read, 'late')).toBeUndefined()
  })

  test('a name is taken once', async () => {
    const id = await db.write(insertUser, ann)
    expect(await db.write(insertUser, ann)).toBeNull()
    expect(await findUser(db.read, id ?? 0)).toMatchObject({ key: 'ann', active: true })
  })

  test('a new password is a new credential version, and ends the identity tokens', async () => {
    const before = await findUserByKey(db.read, 'ann')
    const userId = before?.id ?? 0
    const owner = await ownerOf('ann')
    await db.write(insertRefreshToken, { ...owner, secretHash: 'of-ann' })
    await db.write(insertRefreshToken, { ...owner, kind: 'key', secretHash: 'of-key' })
    expect(await db.write(setPassword, { userId, passwordHash: 'y' })).toBe(true)
    const after = await findUser(db.read, userId)
    expect(after?.passwordHash).toBe('y')
    expect(after?.credentialVersion).toBe((before?.credentialVersion ?? 0) + 1)
    expect(await findRefreshToken(db.read, 'of-ann')).toBeUndefined()
    expect(await findRefreshToken(db.read, 'of-key')).toMatchObject({ kind: 'key', id: userId })
    expect(await db.write(setPassword, { userId: 999_999, passwordHash: 'y' })).toBe(false)
  })

  test('identity tokens of an older version go when a new one comes', async () => {
    const cy = { ...ann, name: 'Cy', key: 'cy' }
    const bob = { ...ann, name: 'Bob', key: 'bob' }
    for (const user of [cy, bob]) await db.write(insertUser, user)
    const before = await ownerOf('cy')
    await db.write(insertRefreshToken, { ...before, secretHash: 'old' })
    await db.write(insertRefreshToken, { ...(await ownerOf('bob')), secretHash: 'b' })
    await db.write(setPassword, { userId: before.id, passwordHash: 'y' })
    const after = await ownerOf('cy')
    await db.write(insertRefreshToken, { ...after, secretHash: 'new1' })
    await db.write(insertRefreshToken, { ...after, secretHash: 'new2' })
    expect(await findRefreshToken(db.read, 'old')).toBeUndefined()
    for (const secretHash of ['b', 'new1', 'new2']) {
      expect(await findRefreshToken(db.read, secretHash)).toBeDefined()
    }
  })

  test('who was deleted, or has another password by now, gets no identity token', async () => {
    const owner = await ownerOf('bob')
    for (const [name, wrong] of [
      ['late', { ...owner, credentialVersion: owner.credentialVersion - 1 }],
      ['gone', { ...owner, id: 999_999 }],
    ] as const) {
      const insert = db.write(insertRefreshToken, { ...wrong, secretHash: name })
      await expect(insert).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
      expect(await findRefreshToken(db.read, name)).toBeUndefined()
    }
  })

  async function ownerOf(key: string) {
    const user = await findUserByKey(db.read, key)
    if (user === undefined) throw new Error(`There is no user ${key}.`)
    const { id, credentialVersion } = user
    return { kind: 'user' as const, id, credentialVersion, clientId: '' }
  }

  test('settings', async () => {
    expect(await findSetting(db.read, 'Web.BaseUrl')).toBeUndefined()
    await db.write(setSetting, { name: 'Web.BaseUrl', value: 'https://a.example.test' })
    await db.write(setSetting, { name: 'Web.BaseUrl', value: 'https://b.example.test' })
    expect(await findSetting(db.read, 'Web.BaseUrl')).toBe('https://b.example.test')
    expect((await listSettings(db.read)).get('Web.BaseUrl')).toBe('https://b.example.test')
    await db.write(setSetting, { name: 'Web.BaseUrl', value: null })
    expect(await findSetting(db.read, 'Web.BaseUrl')).toBeUndefined()
  })
})
