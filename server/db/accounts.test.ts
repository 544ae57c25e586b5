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
    const owner = { kind: 'user' as const, id: userId, credentialVersion: 1, clientId: '' }
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
    const owner = { kind: 'user' as const, id: 77, clientId: '' }
    await db.write(insertRefreshToken, { ...owner, credentialVersion: 1, secretHash: 'old' })
    await db.write(insertRefreshToken, { ...owner, id: 78, credentialVersion: 1, secretHash: 'b' })
    await db.write(insertRefreshToken, { ...owner, credentialVersion: 2, secretHash: 'new1' })
    await db.write(insertRefreshToken, { ...owner, credentialVersion: 2, secretHash: 'new2' })
    expect(await findRefreshToken(db.read, 'old')).toBeUndefined()
    for (const secretHash of ['b', 'new1', 'new2']) {
      expect(await findRefreshToken(db.read, secretHash)).toBeDefined()
    }
  })

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
