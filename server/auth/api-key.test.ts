import { beforeAll, expect, test } from 'vitest'
import { type Accounts, openAccounts } from '../../test/support/accounts.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { type Attribute, may } from '../domain/permission.ts'
import type { Feed } from '../registry/feeds.ts'
import { createApiKey, type FeedKeyPermission, listApiKeys, revokeApiKey } from './api-key.ts'

describeDatabases('API keys', (databases) => {
  let accounts: Accounts
  let feed: Feed
  let other: Feed
  beforeAll(async () => {
    accounts = await openAccounts(await databases.open())
    feed = await accounts.addFeed('Main', ['old-name'])
    other = await accounts.addFeed('other')
  })
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
    const allowed = (feedId: number) => all.filter((each) => may(principal, each, { feedId }))
    expect(allowed(feed.id).sort()).toEqual([...attributes].sort())
    expect(allowed(other.id)).toEqual([])
    expect(all.filter((each) => may(principal, each, null))).toEqual([])
  })

  test('a system key may do everything everywhere', async () => {
    const { key } = await createApiKey(accounts, { type: 'system' })
    const principal = await accounts.authenticator.authenticateKey(key)
    expect(may(principal, 'Admin_ConfigureProGet', null)).toBe(true)
    expect(may(principal, 'Feeds_DeletePackage', { feedId: other.id })).toBe(true)
  })

  test('a key can be made by any name of its feed', async () => {
    for (const name of ['main', 'MAIN', 'old-name']) {
      const { id } = await feedKey(['add', 'view', 'add'], name)
      const info = (await listApiKeys(accounts)).find((each) => each.id === id)
      expect(info).toMatchObject({ feed: 'Main', permissions: ['view', 'add'] })
    }
  })

  test('the list has everything but the secret, and not what was revoked', async () => {
    const { id, key } = await createApiKey(
      accounts,
      { type: 'system' },
      { displayName: 'ci', description: 'builds', expiresInDays: 30 },
    )
    const list = await listApiKeys(accounts)
    const info = list.find((each) => each.id === id)
    expect(info).toEqual({
      id,
      type: 'system',
      displayName: 'ci',
      description: 'builds',
      feed: null,
      permissions: ['full-control'],
      expires: expect.any(Date),
      created: expect.any(Date),
    })
    const days = (Number(info?.expires) - Number(info?.created)) / (24 * 60 * 60 * 1000)
    expect(days).toBeCloseTo(30, 3)
    expect(Math.abs(Number(info?.created) - Date.now())).toBeLessThan(60_000)
    expect(JSON.stringify(list)).not.toContain(key)
    expect(await revokeApiKey(accounts, id)).toBe(true)
    expect(await revokeApiKey(accounts, id)).toBe(false)
    expect((await listApiKeys(accounts)).map((each) => each.id)).not.toContain(id)
  })

  test('revoking a key that is not there does nothing', async () => {
    expect(await revokeApiKey(accounts, 999_999)).toBe(false)
  })

  test('a key for a feed that is not there is refused', async () => {
    await expect(feedKey(['view'], 'nosuch')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test.each([[[]], [['everything']]])(
    'a feed key with permissions %j is refused',
    async (names) => {
      await expect(feedKey(names as FeedKeyPermission[])).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
      })
    },
  )

  test.each([{ displayName: 'a\nb' }, { description: '\0' }, { displayName: 'x'.repeat(201) }])(
    'a key cannot be labelled %j',
    async (label) => {
      await expect(createApiKey(accounts, { type: 'system' }, label)).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
      })
    },
  )

  test.each([0, -1, 1.5, Number.NaN, 36_501, Number.POSITIVE_INFINITY])(
    'a key cannot live for %d days',
    async (expiresInDays) => {
      await expect(
        createApiKey(accounts, { type: 'system' }, { expiresInDays }),
      ).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
    },
  )
})
