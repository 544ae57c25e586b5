import { beforeAll, expect, test } from 'vitest'
import { type Accounts, openAccounts } from '../../test/support/accounts.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { insertDirectory } from '../db/directories.ts'
import { admitDirectoryUser, type DirectoryFacts } from '../db/directory-users.ts'
import { groupNamesOfUsers } from '../db/group-members.ts'
import { findUserByKey } from '../db/users.ts'
import { addGroup, getGroup } from './groups.ts'
import { addPermission } from './permissions.ts'
import { exportSecurity, importDocument, type SecurityDocument } from './security-transfer.ts'

const password = 'a long enough password'
const alice: DirectoryFacts = {
  externalId: 'entryUUID=1111',
  stableIdPrefix: 'entryUUID=',
  name: 'Alice',
  key: 'alice',
  displayName: 'Alice A.',
  email: 'alice@example.test',
  groupKeys: ['devs'],
}

describeDatabases('rights that move to another server', (databases) => {
  let here: Accounts
  let document: SecurityDocument
  beforeAll(async () => {
    here = await openAccounts(await databases.open())
    await here.addUser('Admin', password, true)
    const directoryId = await addDirectory(here, 'Corp')
    for (const name of ['Devs', 'On call']) await addGroup(here, { name })
    await here.db.write(admitDirectoryUser, {
      ...{ directoryId, directoryName: 'Corp', facts: alice, create: true },
    })
    await importDocument(
      here,
      { users: [{ userName: 'alice', directory: 'corp', groups: ['On call'] }] },
      false,
    )
    await addPermission(here, { task: 'Publish Packages', user: 'alice' })
    document = await exportSecurity(here)
  })

  const openElsewhere = async (...directories: readonly string[]) => {
    const there = await openAccounts(await databases.open())
    await there.addUser('Root', password, true)
    const ids: number[] = []
    for (const name of directories) ids.push(await addDirectory(there, name))
    return { ...there, directoryId: ids[0] ?? 0 }
  }
  const problemsOf = async (there: Accounts, users: SecurityDocument['users'], dryRun = false) => {
    const refused = importDocument(there, { users }, dryRun)
    const error = await refused.then(
      () => undefined,
      (thrown: { readonly code: string; readonly detail: unknown }) => thrown,
    )
    expect(error?.code).toBe('INVALID_FIELDS')
    return error?.detail as { readonly field: string; readonly message: string }[]
  }

  test('a user of a directory is in the document, without what the directory says of groups', () => {
    expect(document.users).toContainEqual({
      userName: 'Alice',
      displayName: 'Alice A.',
      email: 'alice@example.test',
      active: true,
      groups: ['On call'],
      directory: 'Corp',
      externalId: 'entryUUID=1111',
    })
  })

  test('what was exported is there already', async () => {
    expect(await importDocument(here, document, false)).toEqual([])
  })

  test('where the directory is not, nothing is taken, and the document says whom to take out', async () => {
    const there = await openElsewhere('Other')
    for (const dryRun of [true, false]) {
      const [first] = await problemsOf(there, document.users, dryRun)
      expect(first).toMatchObject({
        field: expect.stringMatching(/^users\.\d+\.directory$/),
        message: expect.stringMatching(/"Alice".*"Corp".*add a directory.*or take/),
      })
    }
    expect(await findUserByKey(there.db.read, 'alice')).toBeUndefined()
    expect(await findUserByKey(there.db.read, 'admin')).toBeUndefined()
  })

  test('where it is, the dry run says what is done, and the user has its rights at the first login', async () => {
    const there = await openElsewhere('corp')
    const dry = await importDocument(there, document, true)
    expect(await findUserByKey(there.db.read, 'alice')).toBeUndefined()
    const steps = await importDocument(there, document, false)
    expect(steps.map(({ kind, name }) => `${kind} ${name}`)).toEqual(
      dry.map(({ kind, name }) => `${kind} ${name}`),
    )
    expect(steps).toContainEqual({ action: 'create', kind: 'user', name: 'Alice', changes: [] })
    const imported = await findUserByKey(there.db.read, 'alice')
    expect(imported).toMatchObject({ directoryId: there.directoryId, confirmedAt: null })
    expect(imported?.passwordHash).toBe('')
    const userId = await there.db.write(admitDirectoryUser, {
      directoryId: there.directoryId,
      ...{ directoryName: 'corp', facts: alice, create: false },
    })
    expect(userId).toBe(imported?.id)
    expect((await groupNamesOfUsers(there.db.read, [userId])).get(userId)).toEqual([
      'Devs',
      'On call',
    ])
    expect((await getGroup(there, 'on call')).users).toEqual(['Alice'])
    expect(await importDocument(there, document, false)).toEqual([])
  })

  test('somebody else who has the name in the directory there is not taken for the user', async () => {
    const there = await openElsewhere('corp')
    await importDocument(there, document, false)
    const logIn = (facts: DirectoryFacts) =>
      there.db.write(admitDirectoryUser, {
        directoryId: there.directoryId,
        ...{ directoryName: 'corp', facts, create: true },
      })
    await expect(logIn({ ...alice, externalId: 'entryUUID=2222' })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
  })

  test('without the id of the directory it is whoever has the name there', async () => {
    const there = await openElsewhere('corp')
    const users = [{ userName: 'Alice', directory: 'corp' }]
    await importDocument(there, { users }, false)
    const imported = await findUserByKey(there.db.read, 'alice')
    const facts = { ...alice, externalId: 'entryUUID=2222' }
    const userId = await there.db.write(admitDirectoryUser, {
      directoryId: there.directoryId,
      ...{ directoryName: 'corp', facts, create: false },
    })
    expect(userId).toBe(imported?.id)
  })

  test('an imported user who may not log in may not, whatever the directory says', async () => {
    const there = await openElsewhere('corp')
    const users = [{ userName: 'Alice', directory: 'corp', active: false }]
    await importDocument(there, { users }, false)
    expect(await findUserByKey(there.db.read, 'alice')).toMatchObject({ active: false })
  })

  test('what is wrong in itself is told of its place too', async () => {
    const tasks = [{ name: 'Odd', attributes: ['Feeds_Nonsense'] }]
    const rule = { task: 'Administer', user: 'Admin' }
    const permissions = [rule, { ...rule, feed: 'main', feedGroup: 'all' }]
    const rows: readonly (readonly [field: string, document: SecurityDocument])[] = [
      ['tasks.0.attributes', { tasks }],
      ['permissions.1.feedGroup', { permissions }],
      ['groups.0.name', { groups: [{ name: 'Everyone' }] }],
      ['users.0.passwordHash', { users: [{ userName: 'Bob', passwordHash: 'md5' }] }],
    ]
    for (const [field, bad] of rows) {
      await expect(importDocument(here, bad, true)).rejects.toMatchObject({
        ...{ code: 'INVALID_FIELDS', detail: [{ field }] },
      })
    }
  })

  test('names that are taken, passwords and unnamed directories are refused by field', async () => {
    const there = await openElsewhere('corp', 'branch')
    await importDocument(
      there,
      { users: [{ userName: 'Alice', directory: 'corp', externalId: 'x=1' }] },
      false,
    )
    const rows: readonly (readonly [field: string, user: object])[] = [
      ['userName', { userName: 'root', directory: 'corp' }],
      ['userName', { userName: 'alice', directory: 'branch' }],
      ['externalId', { userName: 'Alicia', directory: 'corp', externalId: 'x=1' }],
      ['directory', { userName: 'alice', displayName: 'A.' }],
      ['directory', { userName: 'Bob', directory: 'nowhere' }],
      ['groups', { userName: 'Bob', directory: 'corp', groups: ['nowhere'] }],
      ['password', { userName: 'Bob', directory: 'corp', password }],
    ]
    for (const [field, user] of rows) {
      const [problem] = await problemsOf(there, [{ userName: '', ...user }])
      expect(problem?.field).toBe(`users.0.${field}`)
    }
  })
})

async function addDirectory({ db, by }: Accounts, name: string): Promise<number> {
  const row = { name, key: name.toLowerCase(), kind: 'ldap', enabled: true } as const
  return await db.write(insertDirectory, { ...row, settings: '{}', secret: null, by })
}
