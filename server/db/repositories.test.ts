import { beforeAll, expect, test } from 'vitest'
import { type DatabaseContent, hourMs, openContent } from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { deleteManifest } from './manifest-deletion.ts'
import { findRepository, listRepositories } from './repositories.ts'

describeDatabases('repositories', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })

  test('are listed with their first manifest and no longer after the last one', async () => {
    const feedId = await content.addFeed()
    const list = () => listRepositories(content.db.read, { feedId, after: '', count: 10 })
    const listed = async () => (await findRepository(content.db.read, feedId, 'app'))?.listed
    expect(await listed()).toBeUndefined()
    await content.pushBlob('layer', { feedId })
    expect([await list(), await listed()]).toEqual([[], 0])
    const first = await content.put(content.manifest('first', { feedId }))
    const second = await content.put(content.manifest('second', { feedId }))
    expect([await list(), await listed()]).toEqual([['app'], 1])
    const key = { repositoryId: await content.repositoryId('app', feedId), graceMs: hourMs }
    await content.db.write(deleteManifest, { ...key, digest: first, by: 'ann' })
    expect([await list(), await listed()]).toEqual([['app'], 1])
    await content.db.write(deleteManifest, { ...key, digest: second, by: 'ann' })
    expect([await list(), await listed()]).toEqual([[], 0])
    await content.put(content.manifest('second', { feedId }))
    expect([await list(), await listed()]).toEqual([['app'], 1])
  })

  test('are made once, however many push at the same time', async () => {
    const feedId = await content.addFeed()
    const uploads = await Promise.all(
      Array.from({ length: 8 }, () => content.startUpload({ feedId, repository: 'at/once' })),
    )
    expect(new Set(uploads.map((upload) => upload.repositoryId)).size).toBe(1)
  })

  test('are listed in byte order, page by page, feed by feed', async () => {
    const feedId = await content.addFeed()
    const names = ['a', 'a-b', 'a--b', 'a.b', 'a/b', 'a/b/c', 'a0', 'a_b', 'a__b', 'ab', 'b', '0']
    for (const repository of names) await content.put(content.manifest('m', { feedId, repository }))
    await content.put(content.manifest('m', { repository: 'a/elsewhere' }))
    await content.startUpload({ feedId, repository: 'a/empty' })
    const inBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const listed: string[] = []
    for (;;) {
      const after = listed.at(-1) ?? ''
      const page = await listRepositories(content.db.read, { feedId, after, count: 5 })
      listed.push(...page)
      if (page.length < 5) break
    }
    expect(listed).toEqual(inBytes)
    const some = await listRepositories(content.db.read, { feedId, after: 'a/a', count: 3 })
    expect(some).toEqual(['a/b', 'a/b/c', 'a0'])
  })
})
