import { beforeAll, expect, test } from 'vitest'
import { type Accounts, openAccounts } from '../../test/support/accounts.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { recordApiKeyUses } from '../db/api-key-requests.ts'
import { listEvents } from '../db/audit.ts'
import { findFeedByKey } from '../db/feeds.ts'
import { setUserActive } from '../db/users.ts'
import type { Attribute } from '../domain/attribute.ts'
import { may } from '../domain/permission.ts'
import type { Feed } from '../registry/feeds.ts'
import {
  createApiKey,
  type FeedKeyPermission,
  getApiKey,
  hashApiKey,
  listApiKeyRequests,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
  updateApiKey,
} from './api-key.ts'
import { addFeedGroup } from './feed-groups.ts'
import { openKeyUsage, pruneKeyRequests } from './key-usage.ts'
import { issueRefreshToken } from './refresh-token.ts'

describeDatabases('API keys', (databases) => {
  let accounts: Accounts
  let feed: Feed
  let other: Feed
  beforeAll(async () => {
    accounts = await openAccounts(await databases.open())
    feed = await accounts.addFeed('Main', ['old-name'])
    other = await accounts.addFeed('other')
  })
  const list = async () => (await listApiKeys(accounts, { count: 1000 })).items
  const feedKey = (permissions: readonly FeedKeyPermission[], name = 'main') =>
    createApiKey(accounts, { type: 'feed', feed: name, permissions })

  test('a key is shown once, and the database does not have it', async () => {
    const { key } = await createApiKey(accounts, { type: 'system' })
    expect(key).toMatch(/^ent_[\w-]{43}$/)
    const rows = await accounts.db.read.selectFrom('api_keys').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain(key.slice(4))
    expect(rows.map((row) => row.secret_hash)).toContainEqual(
      expect.stringMatching(/^[0-9a-f]{64}$/),
    )
  })

  test('no two keys are the same', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => feedKey(['view'])))
    expect(new Set(keys.map(({ key }) => key)).size).toBe(20)
    expect(new Set(keys.map(({ id }) => id)).size).toBe(20)
  })

  test.each<[permission: FeedKeyPermission, attributes: readonly Attribute[]]>([
    ['view', ['Feeds_ViewFeed', 'Feeds_DownloadPackage']],
    ['add', ['Feeds_AddPackage']],
    ['promote', ['Feeds_AcceptPackagePromotions']],
    ['delete', ['Feeds_OverwritePackage', 'Feeds_DeletePackage']],
  ])('the permission %s gives %s, in its feed only', async (permission, attributes) => {
    const { key } = await feedKey([permission])
    const principal = await accounts.authenticator.authenticateKey(key)
    const all: readonly Attribute[] = [
      'Feeds_ViewFeed',
      'Feeds_DownloadPackage',
      'Feeds_AddPackage',
      'Feeds_OverwritePackage',
      'Feeds_DeletePackage',
      'Feeds_AcceptPackagePromotions',
      'Admin_ManageFeed',
      'Admin_ConfigureProGet',
    ]
    const allowed = (feedId: number) =>
      all.filter((each) => may(principal, each, { feedId, feedGroupId: null }))
    expect(allowed(feed.id).sort()).toEqual([...attributes].sort())
    expect(allowed(other.id)).toEqual([])
    expect(all.filter((each) => may(principal, each, null))).toEqual([])
  })

  test('a system key may do everything everywhere', async () => {
    const { key } = await createApiKey(accounts, { type: 'system' })
    const principal = await accounts.authenticator.authenticateKey(key)
    expect(may(principal, 'Admin_ConfigureProGet', null)).toBe(true)
    expect(may(principal, 'Feeds_DeletePackage', { feedId: other.id, feedGroupId: null })).toBe(
      true,
    )
  })

  test('a key can be made by any name of its feed', async () => {
    for (const name of ['main', 'MAIN', 'old-name']) {
      const { id } = await feedKey(['add', 'view', 'add'], name)
      const info = (await list()).find((each) => each.id === id)
      expect(info).toMatchObject({ feed: 'Main', permissions: ['view', 'add'] })
    }
  })

  test('the list has everything but the secret, and not what was revoked', async () => {
    const { id, key } = await createApiKey(
      accounts,
      { type: 'system' },
      { displayName: 'ci', description: 'builds', expiresInDays: 30 },
    )
    const all = await list()
    const info = all.find((each) => each.id === id)
    expect(info).toEqual({
      id,
      type: 'system',
      displayName: 'ci',
      description: 'builds',
      permissions: ['full-control'],
      repositories: null,
      logging: 'none',
      enabled: true,
      createdBy: 'tests',
      lastUsedAddress: null,
      ...{ userId: null, feed: null, feedGroup: null, user: null },
      expires: expect.any(Date),
      secondExpires: null,
      created: expect.any(Date),
      lastUsed: null,
    })
    const days = (Number(info?.expires) - Number(info?.created)) / (24 * 60 * 60 * 1000)
    expect(days).toBeCloseTo(30, 3)
    expect(Math.abs(Number(info?.created) - Date.now())).toBeLessThan(60_000)
    expect(JSON.stringify(all)).not.toContain(key)
    expect(await revokeApiKey(accounts, id)).toBe(true)
    expect(await revokeApiKey(accounts, id)).toBe(false)
    expect((await list()).map((each) => each.id)).not.toContain(id)
  })

  test('revoking a key that is not there does nothing', async () => {
    expect(await revokeApiKey(accounts, 999_999)).toBe(false)
  })

  test('a key for a feed that is not there is refused', async () => {
    await expect(feedKey(['view'], 'nosuch')).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      detail: [{ field: 'feed', message: 'There is no registry "nosuch".' }],
    })
  })

  test.each([[[]], [['everything']]])(
    'a feed key with permissions %j is refused',
    async (names) => {
      await expect(feedKey(names as FeedKeyPermission[])).rejects.toMatchObject({
        code: 'INVALID_FIELDS',
      })
    },
  )

  test.each([{ displayName: 'a\nb' }, { description: '\0' }, { displayName: 'x'.repeat(201) }])(
    'a key cannot be labelled %j',
    async (label) => {
      await expect(createApiKey(accounts, { type: 'system' }, label)).rejects.toMatchObject({
        code: 'INVALID_FIELDS',
      })
    },
  )

  test.each([0, -1, 1.5, Number.NaN, 36_501, Number.POSITIVE_INFINITY])(
    'a key cannot live for %d days',
    async (expiresInDays) => {
      await expect(
        createApiKey(accounts, { type: 'system' }, { expiresInDays }),
      ).rejects.toMatchObject({ code: 'INVALID_FIELDS' })
    },
  )

  test('a key is kept to a pattern of repositories, in a feed group', async () => {
    await addFeedGroup(accounts, { name: 'Team', feeds: ['other'] })
    const { key, feedGroup } = await createApiKey(
      accounts,
      { type: 'feed', feedGroup: 'TEAM' },
      { repositories: 'app/*' },
    )
    expect(feedGroup).toBe('Team')
    const principal = await accounts.authenticator.authenticateKey(key)
    const record = await findFeedByKey(accounts.db.read, 'other')
    const subject = { feedId: other.id, feedGroupId: record?.feed_group_id ?? null }
    const can = (repository: string, at = subject) =>
      may(principal, 'Feeds_DeletePackage', { ...at, repository })
    expect(can('app/web')).toBe(true)
    expect(can('lib')).toBe(false)
    expect(can('app/web', { feedId: feed.id, feedGroupId: null })).toBe(false)
  })

  test('a personal key has what its user may, or a part of it, and ends with the user', async () => {
    await accounts.addUser('Other', 'a long password', true)
    const userId = await accounts.addUser('Root', 'a long password', true)
    const all = await createApiKey(accounts, { type: 'personal', user: 'ROOT' })
    const part = await createApiKey(accounts, {
      type: 'personal',
      user: 'root',
      permissions: ['view'],
    })
    const { authenticator } = accounts
    const subject = { feedId: feed.id, feedGroupId: null }
    accounts.pass(1000)
    const withAll = await authenticator.authenticateKey(all.key)
    expect(may(withAll, 'Admin_ConfigureProGet', null)).toBe(true)
    const withPart = await authenticator.authenticateKey(part.key)
    expect(may(withPart, 'Feeds_ViewFeed', subject)).toBe(true)
    expect(may(withPart, 'Feeds_AddPackage', subject)).toBe(false)
    expect(may(withPart, 'Admin_ConfigureProGet', null)).toBe(false)
    const own = await listApiKeys(accounts, { count: 10, userId })
    expect(own.items.map(({ id }) => id)).toEqual([all.id, part.id])
    await accounts.db.write(setUserActive, { userId, active: false })
    accounts.pass(1000)
    await expect(authenticator.authenticateKey(all.key)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    })
  })

  test('an expired and a switched-off key say so, and only to who has it', async () => {
    const { authenticator } = accounts
    const { id, key } = await createApiKey(accounts, { type: 'system' })
    await updateApiKey(accounts, id, { enabled: false })
    await expect(authenticator.authenticateKey(key)).rejects.toThrow('switched off')
    await updateApiKey(accounts, id, { enabled: true, expires: new Date(Date.now() - 1000) })
    accounts.pass(1000)
    await expect(authenticator.authenticateKey(key)).rejects.toThrow('has expired')
    const other = `${key.slice(0, -2)}zz`
    await expect(authenticator.authenticateKey(other)).rejects.toThrow('unknown or revoked')
    await updateApiKey(accounts, id, { expires: null })
    accounts.pass(1000)
    expect(await authenticator.authenticateKey(key)).toMatchObject({ id })
  })

  test('after a rotation both secrets are good, for as long as was said', async () => {
    const { authenticator } = accounts
    const { id, key: first } = await createApiKey(accounts, { type: 'system' })
    const second = await rotateApiKey(accounts, id, { overlapHours: 2 })
    expect(second.key).not.toBe(first)
    for (const key of [first, second.key]) {
      expect(await authenticator.authenticateKey(key)).toMatchObject({ id })
    }
    accounts.pass(2 * 3_600_000)
    await expect(authenticator.authenticateKey(first)).rejects.toThrow('has expired')
    expect(await authenticator.authenticateKey(second.key)).toMatchObject({ id })
  })

  test('what was issued for the former secret ends with it, and not before', async () => {
    // With a clock of its own.
    const own = await openAccounts(accounts.db)
    const { authenticator } = own
    const { id, key: first } = await createApiKey(own, { type: 'system' })
    const service = 'registry.example.test'
    const issue = async (key: string) => {
      const principal = await authenticator.authenticateKey(key)
      const { token } = await own.tokens.issue({ principal, service, access: [] })
      return { kept: (await issueRefreshToken(own, principal, '')) ?? '', token }
    }
    const uses = async ({ kept, token }: Awaited<ReturnType<typeof issue>>) => {
      const attempts = [
        authenticator.authenticateRefreshToken(kept),
        authenticator.authenticate(`Bearer ${token}`, service).then((each) => each.principal),
      ]
      return (await Promise.allSettled(attempts)).map(({ status }) => status === 'fulfilled')
    }
    const before = await issue(first)
    const second = await rotateApiKey(own, id, { overlapHours: 1 })
    own.pass(1000)
    const meanwhile = await issue(first)
    const after = await issue(second.key)
    for (const each of [before, meanwhile, after]) expect(await uses(each)).toEqual([true, true])
    own.pass(3_590_000)
    const late = await issue(first)
    const new2 = await issue(second.key)
    expect([await uses(late), await uses(new2)]).toEqual([
      [true, true],
      [true, true],
    ])
    // Its token would live for minutes more.
    own.pass(10_000)
    expect([await uses(late), await uses(new2)]).toEqual([
      [false, false],
      [true, true],
    ])
    for (const each of [before, meanwhile]) expect((await uses(each))[0]).toBe(false)
    expect((await uses(after))[0]).toBe(true)
  })

  test('a rotation without overlap, and a second one, end the older secrets', async () => {
    const { authenticator } = accounts
    const { id, key: first } = await createApiKey(accounts, { type: 'system' })
    const second = await rotateApiKey(accounts, id, { overlapHours: 720 })
    const third = await rotateApiKey(accounts, id, { overlapHours: 720 })
    await expect(authenticator.authenticateKey(first)).rejects.toThrow('unknown or revoked')
    const token = await issueRefreshToken(
      accounts,
      await authenticator.authenticateKey(second.key),
      '',
    )
    const last = await rotateApiKey(accounts, id, { overlapHours: 0 })
    accounts.pass(1000)
    for (const { key } of [second, third]) {
      await expect(authenticator.authenticateKey(key)).rejects.toThrow('unknown or revoked')
    }
    await expect(authenticator.authenticateRefreshToken(token ?? '')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    })
    expect(await authenticator.authenticateKey(last.key)).toMatchObject({ id })
    for (const overlapHours of [-1, 721, 0.5]) {
      await expect(rotateApiKey(accounts, id, { overlapHours })).rejects.toMatchObject({
        code: 'INVALID_FIELDS',
      })
    }
  })

  test('what a key did is written down, and read by page', async () => {
    await using usage = openKeyUsage({
      db: accounts.db,
      now: () => 1_700_000_000_000,
      onError: (error) => {
        throw error
      },
    })
    const logged = await createApiKey(accounts, { type: 'system' }, { logging: 'request' })
    const quiet = await createApiKey(accounts, { type: 'system' })
    const request = { address: '192.0.2.7', method: 'GET', status: 200 }
    for (const { id } of [logged, quiet]) {
      for (const path of ['/v2/a', '/v2/b']) {
        usage.answered({ kind: 'key', id }, { ...request, path })
      }
    }
    usage.answered({ kind: 'user', id: logged.id }, { ...request, path: '/v2/user' })
    await usage.flush()
    const { items, next } = await listApiKeyRequests(accounts, logged.id, { count: 1 })
    expect(items).toEqual([
      { ...request, id: expect.any(Number), at: 1_700_000_000_000, path: '/v2/b' },
    ])
    const rest = await listApiKeyRequests(accounts, logged.id, { count: 5, after: next })
    expect(rest.items.map(({ path }) => path)).toEqual(['/v2/a'])
    expect((await listApiKeyRequests(accounts, quiet.id, { count: 5 })).items).toEqual([])
    expect(await getApiKey(accounts, quiet.id)).toMatchObject({
      lastUsed: new Date(1_700_000_000_000),
      lastUsedAddress: '192.0.2.7',
    })
    // All of it is older than 30 days.
    expect(await pruneKeyRequests(accounts)).toBe(false)
    expect((await listApiKeyRequests(accounts, logged.id, { count: 5 })).items).toEqual([])
  })

  test('of one key the newest requests are kept', async () => {
    const { id: keyId } = await createApiKey(accounts, { type: 'system' })
    const requests = Array.from({ length: 250 }, (_, index) => ({
      ...{ keyId, at: Date.now(), address: '::1', method: 'GET', status: 200 },
      path: `/v2/${index}`,
    }))
    await accounts.db.write(recordApiKeyUses, { uses: [], requests, maxRequests: 3 })
    const { items } = await listApiKeyRequests(accounts, keyId, { count: 10 })
    expect(items.map(({ path }) => path)).toEqual(['/v2/249', '/v2/248', '/v2/247'])
  })

  test('the audit has every change of a key, and no secret', async () => {
    const by = { name: 'Ann', address: '192.0.2.1' }
    const deps = { db: accounts.db, by }
    const { id, key } = await createApiKey(deps, { type: 'system' }, { displayName: 'audited' })
    await updateApiKey(deps, id, { description: 'changed' })
    const rotated = await rotateApiKey(deps, id)
    await revokeApiKey(deps, id)
    const events = await listEvents(accounts.db.read, {
      ...{ before: null, count: 100, kind: 'key.*', by: 'Ann', feedId: null },
      ...{ from: null, to: null },
    })
    const kinds = ['key.revoked', 'key.rotated', 'key.changed', 'key.created']
    expect(events.map(({ kind }) => kind)).toEqual(kinds)
    expect(new Set(events.map(({ address }) => address))).toEqual(new Set(['192.0.2.1']))
    const text = JSON.stringify(events)
    for (const secret of [key, rotated.key]) {
      expect(text).not.toContain(secret.slice(4))
      expect(text).not.toContain(hashApiKey(secret))
    }
  })
})
