import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  addContent,
  contentWrites,
  type DatabaseContent,
  digestFor,
  hourMs,
  statementsThatAge,
} from '../../test/support/database-content.ts'
import { listViolations } from '../../test/support/database-invariants.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { cleanBlobs, previewBlobs } from './blob-cleanup.ts'
import { findNextScope, forgetScope } from './candidates.ts'
import type { Db } from './database.ts'
import { forgetFreedLocations, listFreedLocations } from './freed-locations.ts'
import { cleanLinks, previewLinks } from './link-cleanup.ts'
import { deleteLink, promiseBlob } from './links.ts'
import { deleteManifest } from './manifest-deletion.ts'
import { promiseManifest } from './manifests.ts'
import { cleanOrphans, previewOrphans } from './orphan-cleanup.ts'
import { createTag, deleteTag } from './tags.ts'
import { commitUpload } from './uploads.ts'

const graceMs = hourMs

describeDatabases('clean-up', (databases) => {
  let db: Db
  let content: DatabaseContent
  let app = 0
  beforeAll(async () => {
    db = await databases.open({ writes: contentWrites })
  })
  beforeEach(async () => {
    content = await addContent(db)
    await content.pushBlob('config')
    app = await content.repositoryId('app')
  })

  const pick = { graceMs, limit: 100, after: null }
  const links = () => content.db.write(cleanLinks, { ...pick, repositoryId: app })
  const orphans = () => content.db.write(cleanOrphans, { ...pick, repositoryId: app, by: 'job' })
  const blobs = () => content.db.write(cleanBlobs, { ...pick, storeId: content.storeId })
  const freed = () =>
    listFreedLocations(content.db.read, { ...pick, storeId: content.storeId, after: null })
  /** As if so much time had gone by, for all that is there. */
  const pass = async (ms: number) => {
    for (const statement of statementsThatAge(ms)) await content.run(statement)
  }
  const candidates = async (kind: 'link' | 'manifest' | 'blob') => {
    const rows = await content.db.read
      .selectFrom('candidates')
      .select('digest')
      .where('kind', '=', kind)
      .where('scope_id', '=', kind === 'blob' ? content.storeId : app)
      .execute()
    return rows.map((row) => row.digest)
  }
  const drop = (name: string) =>
    content.db.write(deleteManifest, {
      ...{ repositoryId: app, digest: digestFor(name), graceMs, by: 'ann' },
    })
  const image = (name: string, changes: object = {}) =>
    content.put(content.manifest(name, { config: digestFor('config'), ...changes }))

  describe('of links', () => {
    test('takes one that was unused, without a lease, for the grace time, and not before', async () => {
      expect((await links()).removed).toEqual([])
      await pass(2 * graceMs - 1000)
      expect(await links()).toMatchObject({ looked: 0, removed: [] })
      await pass(1001)
      expect((await links()).removed).toEqual([digestFor('config')])
      expect(await candidates('link')).toEqual([])
      expect(await candidates('blob')).toEqual([digestFor('config')])
      expect(await listViolations(content.db.read)).toEqual([])
    })

    test('leaves one whose lease was renewed, and looks at it again when that is over', async () => {
      await pass(2 * graceMs - 1000)
      const key = { repositoryId: app, digest: digestFor('config') }
      expect(await content.db.write(promiseBlob, { ...key, graceMs })).toBe(true)
      await pass(1001)
      expect(await links()).toMatchObject({ looked: 1, removed: [] })
      expect(await candidates('link')).toEqual([digestFor('config')])
      expect(await links()).toMatchObject({ looked: 0 })
      await pass(2 * graceMs)
      expect((await links()).removed).toEqual([digestFor('config')])
    })

    test('leaves one that a manifest uses, and comes back when the manifest has gone', async () => {
      await image('image', { tags: ['v1'] })
      await pass(10 * graceMs)
      expect(await links()).toMatchObject({ looked: 1, removed: [] })
      expect(await candidates('link')).toEqual([])
      await drop('image')
      expect(await links()).toMatchObject({ looked: 0 })
      await pass(graceMs + 1)
      expect((await links()).removed).toEqual([digestFor('config')])
    })

    test('goes in batches, each candidate once', async () => {
      for (const name of ['a', 'b', 'c', 'a']) await content.pushBlob(name)
      await pass(10 * graceMs)
      const input = { ...pick, repositoryId: app, limit: 2 }
      expect(await previewLinks(content.db.read, { ...input, limit: 100 })).toMatchObject({
        ...{ looked: 5, removed: ['a', 'b', 'c', 'config'].map(digestFor).sort() },
      })
      const taken: string[] = []
      for (let looked = 2; looked === 2; ) {
        const outcome = await content.db.write(cleanLinks, input)
        taken.push(...outcome.removed)
        looked = outcome.looked
      }
      expect(taken.sort()).toEqual(['a', 'b', 'c', 'config'].map(digestFor).sort())
    })
  })

  describe('of orphans', () => {
    test('takes the children of a deleted index after the grace time, but what is held stays', async () => {
      const children = ['one', 'two', 'three', 'four']
      for (const name of children) await image(name)
      await image('signature of two', { subject: digestFor('two') })
      await image('index', { children: children.map(digestFor), tags: ['all'] })
      await image('other', { children: [digestFor('three')], tags: ['other'] })
      await content.db.write(createTag, {
        ...{ repositoryId: app, tag: 'v1', digest: digestFor('four') },
        ...{ mayOverwrite: false, by: 'ann' },
      })
      await pass(10 * graceMs)
      expect((await orphans()).removed).toEqual([])
      await drop('index')
      expect((await orphans()).removed).toEqual([])
      await pass(graceMs + 1)
      const expected = ['one', 'two'].map(digestFor).sort()
      const preview = await previewOrphans(content.db.read, { ...pick, repositoryId: app })
      expect(preview.removed).toEqual(expected)
      expect((await orphans()).removed).toEqual(expected)
      expect((await orphans()).removed).toEqual([])
      await pass(graceMs + 1)
      expect((await orphans()).removed).toEqual([digestFor('signature of two')])
      await pass(10 * graceMs)
      expect((await orphans()).removed).toEqual([])
      expect(await listViolations(content.db.read)).toEqual([])
      const left = await content.db.read
        .selectFrom('manifests')
        .select('digest')
        .where('repository_id', '=', app)
        .execute()
      expect(left.map((row) => row.digest).sort()).toEqual(
        ['three', 'four', 'other'].map(digestFor).sort(),
      )
    })

    test('a signature that the index listed goes with its image, not with the index', async () => {
      await image('image', { tags: ['v1'] })
      await image('signature', { subject: digestFor('image') })
      await image('index', { children: ['image', 'signature'].map(digestFor) })
      await drop('index')
      await pass(10 * graceMs)
      expect((await orphans()).removed).toEqual([])
      await drop('image')
      await pass(graceMs + 1)
      expect((await orphans()).removed).toEqual([digestFor('signature')])
    })

    test('a lease, a tag or a new index keeps one, and clean-up comes back for it', async () => {
      for (const name of ['leased', 'tagged', 'held']) await image(name)
      await image('index', { children: ['leased', 'tagged', 'held'].map(digestFor) })
      await pass(10 * graceMs)
      await drop('index')
      await pass(graceMs + 1)
      const { id } = await content.head(digestFor('leased'))
      await content.db.write(promiseManifest, { id, graceMs })
      const tag = { repositoryId: app, tag: 'v1', by: 'ann' }
      await content.db.write(createTag, {
        ...{ ...tag, digest: digestFor('tagged'), mayOverwrite: false },
      })
      await image('new index', { children: [digestFor('held')] })
      expect(await orphans()).toMatchObject({ looked: 3, removed: [] })
      expect(await candidates('manifest')).toEqual([digestFor('leased')])
      await pass(2 * graceMs + 1)
      expect((await orphans()).removed).toEqual([digestFor('leased')])
      // Untagged, but nobody's garbage: somebody tagged it.
      await content.db.write(deleteTag, tag)
      await pass(10 * graceMs)
      expect((await orphans()).removed).toEqual([])
    })
  })

  describe('of blobs and their bytes', () => {
    test('takes blobs without a link, and frees their bytes after the grace time', async () => {
      const into = { repository: 'other' }
      await content.pushBlob('shared')
      await content.pushBlob('shared', into)
      await pass(10 * graceMs)
      expect((await links()).removed).toHaveLength(2)
      // Due is what is older than now.
      await pass(1)
      const before = await previewBlobs(content.db.read, { ...pick, storeId: content.storeId })
      const { removed } = await blobs()
      expect(removed.map(({ digest }) => digest)).toEqual([digestFor('config')])
      expect(before.removed).toEqual(removed)
      const [was] = removed
      // Pushing "shared" twice freed its first bytes, ten grace times ago.
      const old = await freed()
      expect(old).toHaveLength(1)
      expect(old[0]?.sizeBytes).toBeGreaterThan(0)
      await pass(graceMs + 1)
      const due = await freed()
      expect(due.map(({ location }) => location)).toEqual([old[0]?.location, was?.location])
      const locations = due.map(({ location }) => location)
      const input = { storeId: content.storeId, locations }
      const bytes = due.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      expect(await content.db.write(forgetFreedLocations, input)).toEqual({ locations: 2, bytes })
      expect(await content.db.write(forgetFreedLocations, input)).toEqual({
        locations: 0,
        bytes: 0,
      })
      expect(await listViolations(content.db.read)).toEqual([])
    })

    test('leaves a blob that was linked again', async () => {
      const key = { repositoryId: app, digest: digestFor('config') }
      await content.db.write(deleteLink, { ...key, by: 'ann' })
      await content.pushBlob('config', { repository: 'other' })
      await pass(1)
      expect(await blobs()).toMatchObject({ looked: 1, removed: [] })
      expect(await blobs()).toMatchObject({ looked: 0 })
    })

    test('a push between row and bytes has bytes of its own', async () => {
      const key = { repositoryId: app, digest: digestFor('config') }
      await content.db.write(deleteLink, { ...key, by: 'ann' })
      await pass(1)
      const [was] = (await blobs()).removed
      const upload = await content.startUpload()
      const outcome = await content.db.write(commitUpload, {
        ...{ ...upload, digest: digestFor('config'), sizeBytes: 7, graceMs },
      })
      expect(outcome).toBe('committed')
      await pass(graceMs + 1)
      expect((await freed()).map(({ location }) => location)).toEqual([was?.location])
      expect(upload.location).not.toBe(was?.location)
    })
  })

  test('what is known of a repository that has gone is forgotten', async () => {
    await content.run(`insert into candidates (kind, scope_id, digest, due)
      select 'link', 999999, 'x', 0`)
    expect(await content.db.write(forgetScope, { repositoryId: app, limit: 10 })).toBe(0)
    expect(await content.db.write(forgetScope, { repositoryId: 999_999, limit: 10 })).toBe(1)
    expect(await findNextScope(content.db.read, { kind: 'link', after: app })).toBeUndefined()
  })
})
