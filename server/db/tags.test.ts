import { beforeAll, describe, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { findManifestByTag } from './manifests.ts'
import type { OverwriteRule } from './schema.ts'
import { createTag, deleteTag, listTags } from './tags.ts'

describeDatabases('tags', (databases) => {
  let content: DatabaseContent
  let serial = 0
  let repository = ''
  beforeAll(async () => {
    content = await openContent(databases)
  })

  /** Two manifests in a repository of their own. */
  const newRepository = async (feedId = content.feedId) => {
    serial += 1
    repository = `tags-${serial}`
    const first = await content.put(content.manifest('first', { repository, feedId }))
    const second = await content.put(content.manifest('second', { repository, feedId }))
    return { first, second, repositoryId: await content.repositoryId(repository, feedId) }
  }
  const tag = (
    repositoryId: number,
    to: { tag: string; digest: string; mayOverwrite?: boolean; by?: string },
  ) => content.db.write(createTag, { repositoryId, mayOverwrite: false, by: 'ann', ...to })
  const target = async (name: string, feedId = content.feedId) =>
    (await findManifestByTag(content.db.read, { feedId, repository, tag: name }))?.digest
  const history = (repositoryId: number) =>
    content.db.read
      .selectFrom('tag_history')
      .select(['name', 'digest', 'previous_digest', 'by'])
      .where('repository_id', '=', repositoryId)
      .orderBy('id')
      .execute()
  const events = (kind: string) =>
    content.db.read
      .selectFrom('events')
      .select(['by', 'feed_id', 'detail'])
      .where('kind', '=', kind)
      .where('repository', '=', repository)
      .orderBy('id')
      .execute()

  test('are created, left as they are, and moved, each move with its history', async () => {
    const { first, second, repositoryId } = await newRepository()
    expect(await tag(repositoryId, { tag: 'v1', digest: first })).toBe('created')
    expect(await tag(repositoryId, { tag: 'v1', digest: first, by: 'bob' })).toBe('exists')
    expect(await target('v1')).toBe(first)
    expect(await tag(repositoryId, { tag: 'v1', digest: second, by: 'bob' })).toBe('updated')
    expect(await target('v1')).toBe(second)
    expect(await history(repositoryId)).toEqual([
      { name: 'v1', digest: first, previous_digest: null, by: 'ann' },
      { name: 'v1', digest: second, previous_digest: first, by: 'bob' },
    ])
    expect(await events('tag.created')).toHaveLength(1)
    expect(await events('tag.moved')).toHaveLength(1)
    const row = await content.db.read
      .selectFrom('tags')
      .select(['created_at', 'updated_at', 'updated_by'])
      .where('repository_id', '=', repositoryId)
      .executeTakeFirstOrThrow()
    expect(row.updated_by).toBe('bob')
    expect(row.updated_at).toBeGreaterThanOrEqual(row.created_at)
  })

  test('point at manifests of their repository alone', async () => {
    const elsewhere = await content.put(content.manifest('elsewhere'))
    const { repositoryId } = await newRepository()
    expect(await tag(repositoryId, { tag: 'v1', digest: elsewhere })).toBeUndefined()
    expect(await tag(repositoryId, { tag: 'v1', digest: digestFor('no') })).toBeUndefined()
    expect(await history(repositoryId)).toEqual([])
    await expect(tag(999_999, { tag: 'v1', digest: elsewhere })).rejects.toMatchObject({
      code: 'NAME_UNKNOWN',
    })
  })

  test('take a manifest out of orphanage, unless they may not be set', async () => {
    const feedId = await content.addFeed({ overwrite: 'never' })
    const { first, second, repositoryId } = await newRepository(feedId)
    await content.run(`update manifests set orphaned_since = 1
      where repository_id = ${repositoryId}`)
    await tag(repositoryId, { tag: 'v1', digest: first })
    await expect(tag(repositoryId, { tag: 'v1', digest: second })).rejects.toMatchObject({
      code: 'DENIED',
    })
    const orphans = await content.db.read
      .selectFrom('manifests')
      .select('digest')
      .where('repository_id', '=', repositoryId)
      .where('orphaned_since', 'is not', null)
      .execute()
    expect(orphans).toEqual([{ digest: second }])
  })

  describe('the rule of the feed', () => {
    const rows: readonly [OverwriteRule, boolean, boolean][] = [
      ['allowed', false, true],
      ['allowed', true, true],
      ['permission', false, false],
      ['permission', true, true],
      ['never', false, false],
      ['never', true, false],
    ]
    test.each(rows)(
      '"%s", for a caller who may overwrite: %s',
      async (overwrite, mayOverwrite, moves) => {
        const feedId = await content.addFeed({ overwrite })
        const { first, second, repositoryId } = await newRepository(feedId)
        expect(await tag(repositoryId, { tag: 'v1', digest: first, mayOverwrite })).toBe('created')
        expect(await tag(repositoryId, { tag: 'v1', digest: first, mayOverwrite })).toBe('exists')
        const move = tag(repositoryId, { tag: 'v1', digest: second, mayOverwrite })
        if (moves) {
          expect(await move).toBe('updated')
        } else {
          await expect(move).rejects.toMatchObject({
            code: 'DENIED',
            message: expect.stringContaining('"v1"'),
            detail: { tag: 'v1', digest: first },
          })
        }
        expect(await target('v1', feedId)).toBe(moves ? second : first)
        expect(await history(repositoryId)).toHaveLength(moves ? 2 : 1)
      },
    )
  })

  test('are deleted one by one, with their history; the manifest stays and is no orphan', async () => {
    const { first, repositoryId } = await newRepository()
    await tag(repositoryId, { tag: 'v1', digest: first })
    await tag(repositoryId, { tag: 'v2', digest: first })
    const remove = () => content.db.write(deleteTag, { repositoryId, tag: 'v1', by: 'bob' })
    expect(await remove()).toBe(true)
    expect(await target('v1')).toBeUndefined()
    expect(await target('v2')).toBe(first)
    expect((await history(repositoryId)).at(-1)).toEqual({
      ...{ name: 'v1', digest: null, previous_digest: first, by: 'bob' },
    })
    expect(await events('tag.deleted')).toMatchObject([{ by: 'bob', feed_id: content.feedId }])
    expect(await remove()).toBe(false)
    expect(await history(repositoryId)).toHaveLength(3)
    const manifest = await content.db.read
      .selectFrom('manifests')
      .select('orphaned_since')
      .where('id', '=', (await content.head(first, repository)).id)
      .executeTakeFirst()
    expect(manifest).toEqual({ orphaned_since: null })
  })

  test('are listed in byte order, page by page, whatever their letters', async () => {
    const { first, repositoryId } = await newRepository()
    const names = ['a', 'a-b', 'a.b', 'a_b', 'A', 'B', 'Z', 'b', 'z', '0', '10', '9', '_', 'ab']
    for (const name of names) await tag(repositoryId, { tag: name, digest: first })
    const inBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const listed: string[] = []
    for (;;) {
      const after = listed.at(-1) ?? ''
      const page = await listTags(content.db.read, { repositoryId, after, count: 3 })
      listed.push(...page)
      if (page.length < 3) break
    }
    expect(listed).toEqual(inBytes)
    const between = await listTags(content.db.read, { repositoryId, after: 'a/', count: 2 })
    expect(between).toEqual(['a_b', 'ab'])
    expect(await listTags(content.db.read, { repositoryId, after: 'zz', count: 2 })).toEqual([])
  })
})
