import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  changeDirectory,
  createDirectory,
  removeDirectory,
} from '../../server/auth/directories/directories.ts'
import {
  type Directories,
  openDirectories,
} from '../../server/auth/directories/open-directories.ts'
import { openSecretKey } from '../../server/auth/secret-key.ts'
import type { Db } from '../../server/db/database.ts'
import { groupNamesOfUsers } from '../../server/db/group-members.ts'
import { insertGroup } from '../../server/db/groups.ts'
import { deleteUser } from '../../server/db/user-changes.ts'
import { findUser, insertUser, setUserActive } from '../../server/db/users.ts'
import { accessName } from '../../server/domain/access-name.ts'
import { sqliteDatabases } from '../support/databases.ts'
import { openMemoryLog } from '../support/memory-log.ts'
import {
  findSlapd,
  group,
  groupsBase,
  ldapSettings,
  people,
  person,
  type Slapd,
  service,
  startSlapd,
} from '../support/slapd.ts'

const found = findSlapd()
const minute = 60_000
const day = 24 * 60 * minute
const by = { name: 'Admin', address: '127.0.0.1' }
/** Lists of directories may be a second old. */
const rememberedMs = 1000

describe.skipIf(found.skip)(`logins with LDAP directories ${found.reason}`, () => {
  const databases = sqliteDatabases()
  const memory = openMemoryLog()
  let db: Db
  let corp: Slapd
  let branch: Slapd
  let aheadMs = 0

  beforeAll(async () => {
    corp = await startSlapd(found, [
      person({ uid: 'alice', password: 'alice-password' }),
      person({ uid: 'admin', password: 'directory-admin' }),
      person({ uid: 'api', password: 'api-password' }),
      person({ uid: 'carol', password: 'carol-corp' }),
      person({ uid: 'leaver', password: 'leaver-password' }),
      group('Devs', ['alice']),
      group('nobody-knows-this-one', ['alice']),
    ])
    branch = await startSlapd(found, [
      person({ uid: 'alice', password: 'alice-of-branch' }),
      person({ uid: 'carol', password: 'carol-branch' }),
      person({ uid: 'dave', password: 'dave-password' }),
    ])
  })
  afterAll(async () => {
    await corp?.[Symbol.asyncDispose]()
    await branch?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    db = await databases.open()
    aheadMs = 0
    memory.clear()
  })

  const settingsOf = (slapd: Slapd, more: object = {}) => ({
    ...{ ...ldapSettings(slapd), groupSearchBase: groupsBase },
    ...{ uniqueIdProperty: 'entryUUID', timeoutSeconds: 1, ...more },
  })
  const open = async (): Promise<Directories> =>
    openDirectories({
      db,
      log: memory.log,
      secretKey: await openSecretKey({ dataDir: '', configured: 'k'.repeat(32) }),
      recheckMs: () => 15 * minute,
      confirmedForMs: () => day,
      now: () => Date.now() + aheadMs,
    })
  const add = async (
    { encryption }: Directories,
    name: string,
    settings: object,
    secret = service.password,
  ) => {
    const input = { kind: 'ldap', name, enabled: true, settings, secret } as const
    return await createDirectory({ db, encryption, by }, input)
  }
  const both = async () => {
    const directories = await open()
    await add(
      directories,
      'corp',
      settingsOf(corp, { domain: 'corp.example', netbiosName: 'CORP' }),
    )
    await add(directories, 'branch', settingsOf(branch, { domain: 'branch.example' }))
    return directories
  }
  const user = async (id: number | undefined) => {
    const account = await findUser(db.read, id ?? 0)
    if (account === undefined) throw new Error('there is no such user')
    return account
  }
  const binds = (slapd: Slapd) =>
    slapd.operations().filter((line) => /^BIND .*method=128/.test(line)).length

  test('the first directory that knows a name decides about it', async () => {
    const directories = await both()
    const alice = await directories.logIn('alice', 'alice-password')
    expect(await user(alice)).toMatchObject({
      ...{ name: 'alice', email: 'alice@example.org', active: true, passwordHash: '' },
      externalId: expect.stringContaining('entryUUID='),
      confirmedAt: expect.any(Number),
      lastLoginAt: expect.any(Number),
    })
    expect(await directories.logIn('alice', 'alice-of-branch')).toBeUndefined()
    expect(await directories.logIn('carol', 'carol-branch')).toBeUndefined()
    expect(await directories.logIn('dave', 'dave-password')).toEqual(expect.any(Number))
    expect(await directories.logIn('Alice', 'alice-password')).toBe(alice)
    expect(await directories.logIn('alice', 'wrong')).toBeUndefined()
    expect(await directories.logIn('nobody', 'wrong')).toBeUndefined()
    expect(await directories.logIn('alice', '')).toBeUndefined()
  })

  test('a domain chooses the directory, and nobody is taken for another', async () => {
    const directories = await both()
    const carol = await directories.logIn('carol@BRANCH.example', 'carol-branch')
    expect((await user(carol)).name).toBe('carol')
    // The name is the branch's now: the other carol is refused, with her own password too.
    expect(await directories.logIn('carol', 'carol-corp')).toBeUndefined()
    await expect(directories.logIn('carol@corp.example', 'carol-corp')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('a user of another directory'),
    })
    expect(await directories.logIn('CORP\\alice', 'alice-password')).toEqual(expect.any(Number))
    expect(await directories.logIn('corp\\alice', 'alice-of-branch')).toBeUndefined()
  })

  test("a name of the server's own users is never a directory's", async () => {
    const directories = await both()
    const names = { name: 'Admin', key: 'admin', displayName: '', email: '' }
    await db.write(insertUser, { ...names, passwordHash: 'scrypt$1$1$1$x$x' })
    const refusal = expect.objectContaining({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining("the server's own"),
    })
    const before = corp.operations().length
    expect(await directories.logIn('admin', 'directory-admin')).toBeUndefined()
    expect(corp.operations()).toHaveLength(before)
    await expect(directories.logIn('admin@corp.example', 'directory-admin')).rejects.toEqual(
      refusal,
    )
    await expect(directories.logIn('api@corp.example', 'api-password')).rejects.toMatchObject({
      message: expect.stringContaining('api'),
    })
  })

  test('groups that exist here follow the directory, and those of administrators stay', async () => {
    const directories = await both()
    for (const name of ['DEVS', 'ops']) {
      await db.write(insertGroup, { group: accessName(name), description: '', members: [], by })
    }
    const alice = await directories.logIn('alice', 'alice-password')
    const account = await user(alice)
    const groups = async () => (await groupNamesOfUsers(db.read, [account.id])).get(account.id)
    expect(await groups()).toEqual(['DEVS'])
    const events = await db.read
      .selectFrom('events')
      .selectAll()
      .where('kind', '=', 'user.groups')
      .execute()
    expect(events.map(({ detail }) => JSON.parse(detail))).toEqual([
      { user: 'alice', joined: ['DEVS'], left: [] },
    ])
    await corp.administer((client) => client.del(`cn=Devs,${groupsBase}`))
    aheadMs = 16 * minute
    await directories.confirm(account)
    expect(await groups()).toBeUndefined()
  })

  test('a verified login asks nobody for a while, and many at once ask once', async () => {
    const directories = await both()
    const before = binds(branch)
    const ids = await Promise.all(
      Array.from({ length: 50 }, () => directories.logIn('dave@branch.example', 'dave-password')),
    )
    expect(new Set(ids).size).toBe(1)
    expect(binds(branch) - before).toBe(2)
    for (let i = 0; i < 100; i++) await directories.logIn('dave@branch.example', 'dave-password')
    expect(binds(branch) - before).toBe(2)
    expect(await directories.logIn('dave@branch.example', 'wrong')).toBeUndefined()
    expect(binds(branch) - before).toBe(4)
  })

  test('who was confirmed lately is not asked about; whoever has left is out at once, and comes back', async () => {
    const directories = await both()
    const id = await directories.logIn('leaver', 'leaver-password')
    const dn = `uid=leaver,${people}`
    const before = corp.operations().length
    aheadMs = 14 * minute
    for (let i = 0; i < 10; i++) await directories.confirm(await user(id))
    expect(corp.operations()).toHaveLength(before)

    aheadMs = 16 * minute
    await Promise.all(Array.from({ length: 20 }, async () => directories.confirm(await user(id))))
    expect(
      corp
        .operations()
        .slice(before)
        .filter((line) => line.startsWith('SRCH base="ou=people')),
    ).toHaveLength(1)

    const { credentialVersion } = await user(id)
    await corp.administer((client) => client.modifyDN(dn, `uid=was-leaver,${people}`))
    aheadMs = 32 * minute
    await expect(directories.confirm(await user(id))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    })
    expect(await user(id)).toMatchObject({
      confirmedAt: null,
      credentialVersion: credentialVersion + 1,
    })
    const asked = corp.operations().length
    await expect(directories.confirm(await user(id))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    })
    expect(corp.operations()).toHaveLength(asked)

    await corp.administer((client) => client.modifyDN(`uid=was-leaver,${people}`, dn))
    aheadMs = 33 * minute
    await directories.confirm(await user(id))
    expect((await user(id)).confirmedAt).toEqual(expect.any(Number))
  })

  test('who logs in by something else than the name is found again by the name', async () => {
    const directories = await open()
    const usersFilter = '(|(mail=%s)(telephoneNumber=%s))'
    await add(directories, 'mail', settingsOf(corp, { usersFilter }))
    const id = await directories.logIn('alice@example.org', 'alice-password')
    expect(await user(id)).toMatchObject({ name: 'alice' })
    aheadMs = 16 * minute
    await directories.confirm(await user(id))
    expect((await user(id)).confirmedAt).not.toBeNull()
  })

  test('a user who was deleted here comes back with the next login', async () => {
    const directories = await open()
    await add(directories, 'corp', settingsOf(corp))
    const id = await directories.logIn('alice', 'alice-password')
    await db.write(deleteUser, { userId: id ?? 0, by })
    expect(await directories.logIn('alice', 'alice-password')).toBe(id)
    directories.forget('alice', 'alice-password')
    const again = await directories.logIn('alice', 'alice-password')
    expect(await user(again)).toMatchObject({ name: 'alice' })
  })

  test('a name that was given to a new person is not the former one', async () => {
    const directories = await both()
    const id = await directories.logIn('leaver', 'leaver-password')
    const dn = `uid=leaver,${people}`
    await corp.administer(async (client) => {
      await client.del(dn)
      await client.add(dn, {
        objectClass: ['inetOrgPerson'],
        ...{ uid: 'leaver', cn: 'leaver', sn: 'leaver', userPassword: 'leaver-password' },
      })
    })
    aheadMs = 16 * minute
    await expect(directories.confirm(await user(id))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    })
    const fresh = await open()
    await expect(fresh.logIn('leaver', 'leaver-password')).rejects.toMatchObject({
      message: expect.stringContaining('somebody else who had it there before'),
    })
  })

  test('a directory that is down lets nobody in, says so, and is not asked all the time', async () => {
    const directories = await both()
    const alice = await user(await directories.logIn('alice', 'alice-password'))
    const dave = await user(await directories.logIn('dave', 'dave-password'))
    await corp.stop()
    try {
      const down = {
        code: 'UNAVAILABLE',
        message: 'The directory "corp" cannot be reached; try again later.',
      }
      await expect(directories.logIn('alice', 'another-password')).rejects.toMatchObject(down)
      await expect(directories.logIn('nobody', 'x')).rejects.toMatchObject(down)
      for (let i = 0; i < 20; i++) {
        await expect(directories.logIn('nobody', `${i}`)).rejects.toMatchObject(down)
      }
      expect(memory.lines().filter(({ level }) => level === 40)).toHaveLength(1)
      expect(JSON.stringify(memory.lines())).not.toMatch(/password|another/)
      // Another directory's users are not concerned.
      expect(await directories.logIn('dave', 'dave-password')).toBe(dave.id)
      aheadMs = 23 * 60 * minute
      await directories.confirm(alice)
      aheadMs = 25 * 60 * minute
      await expect(directories.confirm(alice)).rejects.toMatchObject(down)
      expect((await user(alice.id)).confirmedAt).not.toBeNull()
    } finally {
      await corp.start()
    }
  })

  test('a slow directory is given up, for everybody at once', async () => {
    const directories = await both()
    await corp.freeze()
    try {
      const attempts = Array.from({ length: 40 }, (_, i) => directories.logIn('alice', `${i}`))
      const results = await Promise.allSettled(attempts)
      expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    } finally {
      corp.thaw()
    }
  })

  test('a directory that is switched off or changed counts no more', async () => {
    const directories = await both()
    const { encryption } = directories
    const id = await directories.logIn('dave', 'dave-password')
    const settings = settingsOf(branch)
    const input = { kind: 'ldap', name: 'branch', enabled: false, settings } as const
    await changeDirectory({ db, encryption, by }, 'branch', input)
    await sleep(rememberedMs)
    expect(await directories.logIn('dave', 'dave-password')).toBeUndefined()
    await expect(directories.confirm(await user(id))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    })
    await expect(removeDirectory({ db, by }, 'branch')).rejects.toMatchObject({ code: 'IN_USE' })
    expect(await removeDirectory({ db, by }, 'branch', { withUsers: true })).toBe(true)
    expect(await findUser(db.read, id ?? 0)).toBeUndefined()
  })

  test('a user whom an administrator disabled stays disabled after a login', async () => {
    const directories = await both()
    const id = await directories.logIn('dave', 'dave-password')
    await db.write(setUserActive, { userId: id ?? 0, active: false })
    await (await open()).logIn('dave', 'dave-password')
    expect((await user(id)).active).toBe(false)
  })
})
