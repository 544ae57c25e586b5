import { beforeEach, describe, expect, test } from 'vitest'
import { describeDatabases } from '../../test/support/databases.ts'
import { accessName } from '../domain/access-name.ts'
import { hasAdministrator } from './administrators.ts'
import type { Db } from './database.ts'
import { deleteGroup, insertGroup, updateGroup } from './groups.ts'
import { deletePermission, insertPermission, listPermissionRecords } from './permissions.ts'
import { deleteTask, insertTask, updateTask } from './tasks.ts'
import { createUser, deleteUser, updateUser } from './user-changes.ts'
import { ensureAdministrator, setUserActive } from './users.ts'

const by = { name: 'tests', address: '192.0.2.7' }
const conflict = { code: 'CONFLICT' }
const userOf = (name: string, passwordHash = 'x') => ({
  ...accessName(name),
  displayName: '',
  email: '',
  passwordHash,
})

describeDatabases('the last administrator', (databases) => {
  let db: Db
  let adminId: number
  beforeEach(async () => {
    db = await databases.open()
    await db.write(ensureAdministrator, userOf('Admin'))
    const row = await db.read.selectFrom('users').select('id').executeTakeFirstOrThrow()
    adminId = row.id
  })
  const addUser = (name: string, passwordHash?: string) =>
    db.write(createUser, { user: userOf(name, passwordHash), groups: [], by })
  const administer = (
    principal: Parameters<typeof insertPermission>[1]['principal'],
    deny = false,
  ) =>
    db.write(insertPermission, {
      ...{ task: accessName('administer'), principal, scope: { kind: 'everything' }, deny, by },
    })
  const user = (name: string) => ({ kind: 'user', name: accessName(name) }) as const
  const group = (name: string) => ({ kind: 'group', name: accessName(name) }) as const
  const onlyRule = async () => {
    const [rule] = await listPermissionRecords(db.read, { after: 0, count: 1 })
    return rule?.id ?? 0
  }

  describe('alone', () => {
    test.each<[what: string, change: () => Promise<unknown>]>([
      ['be deleted', () => db.write(deleteUser, { userId: adminId, by })],
      ['be disabled', () => db.write(setUserActive, { userId: adminId, active: false })],
      ['be changed so', () => db.write(updateUser, { userId: adminId, active: false, by })],
      ['lose the permission', async () => db.write(deletePermission, { id: await onlyRule(), by })],
      ['be restricted', () => administer(user('admin'), true)],
      [
        'lose what the task is made of',
        () => db.write(updateTask, { task: accessName('Administer'), attributes: [], by }),
      ],
    ])('cannot %s', async (_what, change) => {
      await addUser('Ann')
      await expect(change()).rejects.toMatchObject(conflict)
      expect(await hasAdministrator(db.read)).toBe(true)
      expect(await db.read.selectFrom('users').select('active').execute()).toEqual([
        { active: 1 },
        { active: 1 },
      ])
    })

    test('a restriction of Everyone does not matter: the user comes first', async () => {
      await administer({ kind: 'everyone' }, true)
      expect(await hasAdministrator(db.read)).toBe(true)
    })

    test('who cannot log in is no other one', async () => {
      await addUser('Ghost', '')
      await administer(user('ghost'))
      const change = db.write(deleteUser, { userId: adminId, by })
      await expect(change).rejects.toMatchObject(conflict)
    })
  })

  test('may go when there is another', async () => {
    await addUser('Ann')
    await administer(user('ann'))
    expect(await db.write(deleteUser, { userId: adminId, by })).toBe(true)
    expect(await hasAdministrator(db.read)).toBe(true)
    expect(await db.write(deleteUser, { userId: adminId, by })).toBe(false)
  })

  test('in a group keeps it, and the group its rule', async () => {
    const annId = await addUser('Ann')
    await db.write(insertGroup, {
      ...{ group: accessName('Ops'), description: '', members: [accessName('ann')], by },
    })
    const ruleId = await administer(group('ops'))
    expect(await db.write(deleteUser, { userId: adminId, by })).toBe(true)
    const ops = accessName('OPS')
    const changes = [
      () => db.write(updateGroup, { group: ops, members: [], by }),
      () => db.write(deleteGroup, { group: ops, by }),
      () => db.write(updateUser, { userId: annId, groups: [], by }),
      () => db.write(deletePermission, { id: ruleId, by }),
      () => administer(group('ops'), true),
      () => administer({ kind: 'everyone' }, true),
    ]
    for (const change of changes) await expect(change()).rejects.toMatchObject(conflict)
    expect(await hasAdministrator(db.read)).toBe(true)
  })

  test('of several that go at once one stays', async () => {
    const ids = [adminId]
    for (const name of ['a', 'b', 'c', 'd']) {
      ids.push(await addUser(name))
      await administer(user(name))
    }
    const results = await Promise.allSettled(
      ids.map((userId) => db.write(setUserActive, { userId, active: false })),
    )
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect(await hasAdministrator(db.read)).toBe(true)
  })

  test('that is not there cannot be the last: nothing is refused', async () => {
    const other = await databases.open()
    const userId = await other.write(createUser, { user: userOf('Ann'), groups: [], by })
    expect(await other.write(deleteUser, { userId, by })).toBe(true)
  })
})

describeDatabases('tasks', (databases) => {
  let db: Db
  beforeEach(async () => {
    db = await databases.open()
  })
  const task = accessName('Deploy')
  const attributes = ['Feeds_ViewFeed', 'Feeds_AddPackage'] as const
  const insert = () => db.write(insertTask, { task, description: 'd', attributes, by })

  test('in use cannot be deleted, and say by how many rules', async () => {
    await insert()
    const principal = { kind: 'everyone' } as const
    const scope = { kind: 'everything' } as const
    const ids: number[] = []
    for (const deny of [true, false]) {
      ids.push(await db.write(insertPermission, { task, principal, scope, deny, by }))
    }
    const change = db.write(deleteTask, { task, by })
    await expect(change).rejects.toMatchObject({
      ...conflict,
      message: expect.stringContaining('used by 2 '),
    })
    for (const id of ids) expect(await db.write(deletePermission, { id, by })).toBe(true)
    expect(await db.write(deleteTask, { task, by })).toBe(true)
    expect(await db.write(deleteTask, { task, by })).toBe(false)
  })

  test('that are built in are edited, but stay and keep their names', async () => {
    const builtIn = accessName('Publish Packages')
    await db.write(updateTask, { task: builtIn, attributes: ['Feeds_AddPackage'], by })
    await expect(db.write(deleteTask, { task: builtIn, by })).rejects.toMatchObject(conflict)
    const rename = db.write(updateTask, { task: builtIn, name: accessName('Push'), by })
    await expect(rename).rejects.toMatchObject(conflict)
  })

  test('have one name each', async () => {
    await insert()
    await expect(insert()).rejects.toMatchObject(conflict)
  })

  test('that are not there are named, as are users, groups, feeds and feed groups', async () => {
    await insert()
    const everything = { kind: 'everything' } as const
    const everyone = { kind: 'everyone' } as const
    const name = accessName('nosuch')
    const add = (changes: object) =>
      db.write(insertPermission, {
        ...{ task, principal: everyone, scope: everything, deny: false, by, ...changes },
      })
    const cases = [
      ['task', { task: name }],
      ['user', { principal: { kind: 'user', name } }],
      ['group', { principal: { kind: 'group', name } }],
      ['feed', { scope: { kind: 'feed', name, repositories: null } }],
      ['feedGroup', { scope: { kind: 'feedGroup', name } }],
    ] as const
    for (const [field, changes] of cases) {
      await expect(add(changes)).rejects.toMatchObject({
        code: 'INVALID_FIELDS',
        detail: [{ field, message: expect.stringContaining('"nosuch"') }],
      })
    }
  })

  test('changes are written down, with who made them from where', async () => {
    await insert()
    const events = await db.read
      .selectFrom('events')
      .select(['kind', 'by', 'address', 'detail'])
      .execute()
    expect(events).toMatchObject([{ kind: 'task.created', by: 'tests', address: '192.0.2.7' }])
    expect(JSON.parse(events[0]?.detail ?? '')).toMatchObject({ task: 'Deploy' })
  })
})
