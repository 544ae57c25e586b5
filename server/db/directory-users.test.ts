import { expect, test } from 'vitest'
import { describeDatabases } from '../../test/support/databases.ts'
import { accessName } from '../domain/access-name.ts'
import type { Db } from './database.ts'
import { insertDirectory } from './directories.ts'
import {
  admitDirectoryUser,
  confirmDirectoryUser,
  type DirectoryFacts,
  findDirectoryToken,
  setDirectoryToken,
  suspendDirectoryUser,
} from './directory-users.ts'
import { groupNamesOfUsers } from './group-members.ts'
import { insertGroup } from './groups.ts'
import { insertRefreshToken } from './refresh-tokens.ts'
import { findUser } from './users.ts'

const by = { name: 'Admin', address: null }

const alice: DirectoryFacts = {
  ...{ name: 'Alice', key: 'alice', displayName: 'Alice A.', email: 'alice@example.org' },
  ...{ externalId: 'sub=1', stableIdPrefix: 'sub=', groupKeys: ['devs', 'devs', 'not-here'] },
}
/** As a directory without ids that stay tells of her. */
const byName: DirectoryFacts = { ...alice, externalId: 'uid=alice,dc=a', stableIdPrefix: null }

describeDatabases('users of directories', (databases) => {
  const open = async () => {
    const db = await databases.open()
    const row = { settings: '{}', secret: null, enabled: true, by }
    const corp = await db.write(insertDirectory, {
      ...row,
      kind: 'oidc',
      name: 'corp',
      key: 'corp',
    })
    for (const name of ['Devs', 'Ops']) {
      await db.write(insertGroup, { group: accessName(name), description: '', members: [], by })
    }
    const admit = (facts: DirectoryFacts, create = true) =>
      db.write(admitDirectoryUser, { directoryId: corp, directoryName: 'corp', facts, create })
    return { db, admit }
  }
  const groupsOf = async (db: Db, id: number) => (await groupNamesOfUsers(db.read, [id])).get(id)

  test('many first logins at once make one user', async () => {
    const { db, admit } = await open()
    const ids = await Promise.all(Array.from({ length: 20 }, () => admit(alice)))
    expect(new Set(ids).size).toBe(1)
    expect(await groupsOf(db, ids[0] ?? 0)).toEqual(['Devs'])
    const created = await db.read
      .selectFrom('events')
      .select('kind')
      .where('kind', '=', 'user.created')
      .execute()
    expect(created).toHaveLength(1)
  })

  test('a user keeps the rights of the id through a change of name, if the name is free', async () => {
    const { db, admit } = await open()
    const id = await admit(alice)
    await admit({ ...alice, externalId: 'sub=2', name: 'Bob', key: 'bob' })
    expect(await admit({ ...alice, name: 'Alicia', key: 'alicia', groupKeys: ['ops'] })).toBe(id)
    expect(await findUser(db.read, id)).toMatchObject({ name: 'Alicia', key: 'alicia' })
    expect(await groupsOf(db, id)).toEqual(['Ops'])
    expect(await admit({ ...alice, name: 'Bob', key: 'bob' })).toBe(id)
    expect(await findUser(db.read, id)).toMatchObject({ name: 'Alicia' })
  })

  test('an id that stays tells two people of one name apart; a distinguished name does not name anybody', async () => {
    const { db, admit } = await open()
    await admit(alice)
    await expect(admit({ ...alice, externalId: 'sub=9' })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    const other = await open()
    const id = await other.admit(byName)
    expect(await other.admit({ ...byName, externalId: 'uid=alice,ou=moved' })).toBe(id)
    const successor = { ...byName, name: 'Eve', key: 'eve', externalId: 'uid=alice,ou=moved' }
    expect(await other.admit(successor)).not.toBe(id)
    expect(await other.admit(alice)).toBe(id)
    expect(await findUser(other.db.read, id)).toMatchObject({ name: 'Alice', externalId: 'sub=1' })
    expect(await findUser(db.read, 0)).toBeUndefined()
  })

  test('nobody is made where none is to be', async () => {
    const { admit } = await open()
    await expect(admit(alice, false)).rejects.toMatchObject({ code: 'DENIED' })
    const id = await admit(alice)
    expect(await admit(alice, false)).toBe(id)
  })

  test('who is suspended loses what was issued and what the directory gave, once', async () => {
    const { db, admit } = await open()
    const id = await admit(alice)
    const { credentialVersion = 0 } = (await findUser(db.read, id)) ?? {}
    const token = { kind: 'user', id, credentialVersion, secretHash: 'x', clientId: '' } as const
    await db.write(insertRefreshToken, token)
    for (let i = 0; i < 2; i++)
      await db.write(suspendDirectoryUser, { userId: id, directory: 'corp' })
    expect(await findUser(db.read, id)).toMatchObject({
      ...{ confirmedAt: null, active: true, credentialVersion: credentialVersion + 1 },
    })
    expect(await groupsOf(db, id)).toBeUndefined()
    expect(await db.read.selectFrom('refresh_tokens').selectAll().execute()).toEqual([])
    const events = db.read.selectFrom('events').select('kind').where('kind', '=', 'user.suspended')
    expect(await events.execute()).toHaveLength(1)
    await db.write(confirmDirectoryUser, { userId: id, facts: alice })
    expect(await findUser(db.read, id)).toMatchObject({ confirmedAt: expect.any(Number) })
    expect(await groupsOf(db, id)).toEqual(['Devs'])
  })

  test('a token is kept until it is taken back', async () => {
    const { db, admit } = await open()
    const userId = await admit(alice)
    expect(await findDirectoryToken(db.read, userId)).toBeUndefined()
    await db.write(setDirectoryToken, { userId, token: 'v1:first' })
    await db.write(setDirectoryToken, { userId, token: 'v1:second' })
    expect(await findDirectoryToken(db.read, userId)).toBe('v1:second')
    await db.write(setDirectoryToken, { userId, token: null })
    expect(await findDirectoryToken(db.read, userId)).toBeUndefined()
  })
})
