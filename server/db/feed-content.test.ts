import { beforeAll, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { listViolations } from '../../test/support/database-invariants.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { deleteFeedContent } from './feed-content.ts'
import { listRetiredFeeds, retireFeed } from './feeds.ts'
import { findLinkedBlob } from './links.ts'
import { findManifestByTag } from './manifests.ts'
import { createTag } from './tags.ts'
import { deletePurgedUploads, purgeIdle } from './upload-purge.ts'

describeDatabases('the content of a deleted feed', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })

  /** A feed with everything in it that can be. */
  const fill = async () => {
    const feedId = await content.addFeed({ sparse_indexes: 1 })
    for (const repository of ['b', 'a/nested', 'a']) {
      const into = { feedId, repository }
      const subject = await content.pushImage(`${repository} image`, { ...into, tags: ['v1'] })
      const cache = await content.pushBlob(`${repository} cache`, into)
      const absent = digestFor('absent')
      const children = [subject, cache, absent]
      const index = await content.put(
        content.manifest('index', { ...into, children, tags: ['v2'] }),
      )
      await content.put(content.manifest('outer', { ...into, children: [index] }))
      await content.put(content.manifest('signature', { ...into, subject }))
      const repositoryId = await content.repositoryId(repository, feedId)
      const tag = { repositoryId, tag: 'v1', digest: index, mayOverwrite: true, by: 'ann' }
      await content.db.write(createTag, tag)
    }
    await content.startUpload({ feedId, repository: 'uploads only' })
    return feedId
  }
  const purge = async (feedId: number) => {
    const purged = await content.db.write(purgeIdle, { idleMs: 0, limit: 100, feedId })
    await content.db.write(deletePurgedUploads, { ids: purged.map(({ id }) => id) })
  }
  const empty = async (feedId: number, limit: number) => {
    const steps = []
    for (;;) {
      const { removed } = await content.db.write(deleteFeedContent, { feedId, limit })
      expect(removed).toBeLessThanOrEqual(limit)
      if (removed === 0) return steps
      steps.push(removed)
    }
  }

  test('goes in short steps, to the last row, and the bytes are left to clean-up', async () => {
    const kept = await content.pushImage('kept', { tags: ['v1'] })
    await content.pushBlob('a cache')
    const feedId = await fill()
    const ids = await Promise.all(
      ['b', 'a/nested', 'a'].map((name) => content.repositoryId(name, feedId)),
    )
    await content.db.write(retireFeed, { id: feedId, by: 'ann' })
    await purge(feedId)
    const steps = await empty(feedId, 2)
    // Of three repositories four manifests, three links, three moves and three candidates each; and
    // one empty one.
    expect(steps.reduce((sum, step) => sum + step)).toBe(3 * (4 + 3 + 3 + 3) + 4)
    expect(steps).toHaveLength(3 * (2 + 2 + 2 + 2) + 4)
    const { read } = content.db
    expect(await listRetiredFeeds(read)).not.toContain(feedId)
    const gone = [
      read.selectFrom('feeds').select('id').where('id', '=', feedId),
      read.selectFrom('repositories').select('id').where('feed_id', '=', feedId),
      read.selectFrom('uploads').select('id'),
      read
        .selectFrom('candidates')
        .select('id')
        .where('kind', 'in', ['link', 'manifest'])
        .where('scope_id', 'in', ids),
    ]
    for (const query of gone) expect(await query.execute()).toEqual([])
    const blobs = await read
      .selectFrom('candidates')
      .select('digest')
      .where('kind', '=', 'blob')
      .where('scope_id', '=', content.storeId)
      .orderBy('digest')
      .execute()
    const names = ['b', 'a/nested', 'a'].flatMap((repository) =>
      ['image-config', 'image-layer', 'cache'].map((part) => `${repository} ${part}`),
    )
    expect(blobs.map(({ digest }) => digest)).toEqual(names.map(digestFor).sort())
    expect(await content.head(kept)).toMatchObject({ digest: kept })
    const own = { repositoryId: await content.repositoryId('app'), digest: digestFor('a cache') }
    expect(await findLinkedBlob(read, own)).toBeDefined()
    expect(await listViolations(read)).toEqual([])
  })

  test('goes from two processes at once, neither of which fails', async () => {
    const feedId = await fill()
    await content.db.write(retireFeed, { id: feedId, by: 'ann' })
    await purge(feedId)
    await Promise.all([empty(feedId, 3), empty(feedId, 3), empty(feedId, 3)])
    expect(await listRetiredFeeds(content.db.read)).not.toContain(feedId)
    expect(await listViolations(content.db.read)).toEqual([])
  })

  test('stays while an upload is left, and goes once that is purged', async () => {
    const feedId = await content.addFeed()
    const upload = await content.startUpload({ feedId })
    await content.pushBlob('blob', { feedId })
    await content.db.write(retireFeed, { id: feedId, by: 'ann' })
    const failure = await empty(feedId, 10).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'CONFLICT' })
    expect(await content.commit(upload, digestFor('late'))).toBe('committed')
    await empty(feedId, 10)
    expect(await listRetiredFeeds(content.db.read)).not.toContain(feedId)
  })

  test('stays while the feed has its name', async () => {
    const feedId = await fill()
    await purge(feedId)
    await expect(empty(feedId, 10)).rejects.toMatchObject({ code: 'CONFLICT' })
    const key = { feedId, repository: 'a', tag: 'v1' }
    expect(await findManifestByTag(content.db.read, key)).toBeDefined()
  })

  test('goes with the keys of the feed, and no others', async () => {
    const feedId = await content.addFeed()
    const add = (feed: number) =>
      content.run(`insert into api_keys (type, display_name, description, secret_hash, feed_id,
        permissions, credential_version, active, created_at, expires_at)
        values ('feed', 'k', '', 'key of ${feed}', ${feed}, '["view"]', 1, 1, now_ms(), null)`)
    await add(feedId)
    await add(content.feedId)
    await content.db.write(retireFeed, { id: feedId, by: 'ann' })
    await empty(feedId, 10)
    const keys = await content.db.read.selectFrom('api_keys').select('feed_id').execute()
    expect(keys).toEqual([{ feed_id: content.feedId }])
  })

  test('that never had any goes at once', async () => {
    const feedId = await content.addFeed()
    await content.db.write(retireFeed, { id: feedId, by: 'ann' })
    expect(await empty(feedId, 1)).toEqual([])
    expect(await empty(feedId, 1)).toEqual([])
    const late = content.put(content.manifest('late', { feedId, graceMs: hourMs }))
    await expect(late).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
  })
})
