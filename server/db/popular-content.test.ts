import { beforeAll, describe, expect, test } from 'vitest'
import { type DatabaseContent, openContent } from '../../test/support/database-content.ts'
import { explainCall } from '../../test/support/database-plans.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { listBlobUsers, listMountSources } from './links.ts'
import { listReferrers } from './manifests.ts'

const count = 20_000

/** Any reader may ask these again and again: each visits as many rows as it returns. */
describeDatabases(`content that ${count} others refer to`, (databases) => {
  let content: DatabaseContent
  let repositoryId = 0
  const subject = 'popular'
  const page = { after: '', count: 100 }
  beforeAll(async () => {
    content = await openContent(databases)
    repositoryId = (await content.startUpload({ repository: 'big' })).repositoryId
    await fill(content, repositoryId)
    if (databases.dialect === 'postgres') await content.run('analyze')
  }, 120_000)

  const planOf = async (name: string, input: unknown) =>
    (await content.db.write(explainCall, { name, input })).flatMap(({ plan }) => plan)
  /** No row is read to be sorted or thrown away. */
  const expectLean = async (name: string, input: unknown) => {
    const plan = await planOf(name, input)
    expect(plan.length).toBeGreaterThan(0)
    expect(plan.filter((line) => /\bsort\b|temp b-tree|\bfilter:|bitmap/i.test(line))).toEqual([])
    return plan.join('\n')
  }

  describe('a blob', () => {
    test('whose users are layers has no user as a configuration', async () => {
      const key = { repositoryId, digest: 'layer', role: 'config' } as const
      expect(await listBlobUsers(content.db.read, key, 5)).toEqual([])
      expect(await expectLean('listBlobUsers', key)).toMatch(/role\s?=/)
    })

    test('whose users have it as their configuration names the first few', async () => {
      const key = { repositoryId, digest: 'config', role: 'config' } as const
      const users = await listBlobUsers(content.db.read, key, 5)
      expect(users).toHaveLength(5)
      expect(users[0]).toEqual({ digest: 'm1', role: 'config' })
      expect(await expectLean('listBlobUsers', key)).toMatch(/role\s?=/)
    })

    test('names a few users of any kind', async () => {
      const key = { repositoryId, digest: 'layer' }
      expect(await listBlobUsers(content.db.read, key, 5)).toHaveLength(5)
      await expectLean('listBlobUsers', key)
    })

    test('in many repositories names a few to mount from', async () => {
      const key = { storeId: content.storeId, digest: 'layer', limit: 50 }
      expect(await listMountSources(content.db.read, key)).toHaveLength(50)
      const plan = await planOf('listMountSources', key)
      expect(plan.filter((line) => /\bsort\b|temp b-tree|bitmap/i.test(line))).toEqual([])
    })
  })

  describe('a subject', () => {
    test('has few referrers of a rare type', async () => {
      const input = { repositoryId, subject, artifactType: 'rare/type', ...page }
      const found = await listReferrers(content.db.read, input)
      expect(found.map(({ digest }) => digest)).toEqual([`m${count}`])
      expect(await expectLean('listReferrers', input)).toMatch(/artifact_type\s?=/)
    })

    test('has many referrers, read by the page', async () => {
      const input = { repositoryId, subject, artifactType: null, ...page, after: 'm2' }
      expect(await listReferrers(content.db.read, input)).toHaveLength(100)
      await expectLean('listReferrers', input)
      // A type that all have may as well be filtered.
      const common = { ...input, artifactType: 'common/type' }
      expect(await listReferrers(content.db.read, common)).toHaveLength(100)
      const plan = await planOf('listReferrers', common)
      expect(plan.filter((line) => /\bsort\b|temp b-tree|bitmap/i.test(line))).toEqual([])
    })
  })
})

async function fill({ run, storeId, feedId }: DatabaseContent, big: number) {
  const n = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`
  const statements = [
    `insert into blobs (store_id, digest, location, size_bytes, state, created_at)
     values (${storeId}, 'layer', 'layer', 1, 'live', 0),
       (${storeId}, 'config', 'config', 1, 'live', 0)`,
    `insert into repositories (feed_id, name, listed, created_at)
     ${n} select ${feedId}, 'r' || i, 1, 0 from n`,
    `insert into links (repository_id, digest, store_id, promised_at, lease_until)
     select id, 'layer', ${storeId}, 0, 0 from repositories`,
    `insert into links (repository_id, digest, store_id, promised_at, lease_until)
     values (${big}, 'config', ${storeId}, 0, 0)`,
    `insert into manifests (repository_id, digest, media_type, artifact_type, subject, annotations,
       size_bytes, orphaned_since, promised_at, lease_until, pushed_at, pushed_by)
     ${n} select ${big}, 'm' || i, 't',
       case when i = ${count} then 'rare/type' else 'common/type' end,
       'popular', null, 1, null, 0, 0, 0, 'a' from n`,
    `insert into manifests (repository_id, digest, media_type, artifact_type, subject, annotations,
       size_bytes, orphaned_since, promised_at, lease_until, pushed_at, pushed_by)
     ${n} select ${big}, 'n' || i, 't', 'common/type', 'other' || (i % 10), null, 1, null, 0, 0, 0,
       'a' from n`,
    `insert into manifest_blobs (manifest_id, repository_id, digest, role)
     select id, repository_id, 'layer', 'layer' from manifests where subject = 'popular'`,
    `insert into manifest_blobs (manifest_id, repository_id, digest, role)
     select id, repository_id, 'config', 'config' from manifests where subject = 'popular'`,
  ]
  for (const statement of statements) await run(statement)
}
