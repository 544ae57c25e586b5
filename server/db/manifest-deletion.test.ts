import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { listViolations } from '../../test/support/database-invariants.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { findLinkedBlob } from './links.ts'
import { deleteManifest } from './manifest-deletion.ts'
import { findManifestByDigest, findManifestByTag } from './manifests.ts'
import { nowMs } from './sql.ts'
import { createTag } from './tags.ts'

describeDatabases('the deletion of a manifest', (databases) => {
  let content: DatabaseContent
  let repository = ''
  let serial = 0
  beforeAll(async () => {
    content = await openContent(databases)
  })
  beforeEach(() => {
    serial += 1
    repository = `deletions/${serial}`
  })

  const put = (name: string, changes: object = {}) =>
    content.put(content.manifest(name, { repository, ...changes }))
  const remove = async (digest: string, changes: { repositoryId?: number } = {}) =>
    content.db.write(deleteManifest, {
      repositoryId: changes.repositoryId ?? (await content.repositoryId(repository)),
      ...{ digest, graceMs: hourMs, by: 'bob' },
    })
  const exists = async (digest: string) =>
    (await findManifestByDigest(content.db.read, {
      ...{ feedId: content.feedId, repository, digest },
    })) !== undefined
  const orphans = async () => {
    const found = await content.db.read
      .selectFrom('manifests')
      .select(['digest', (eb) => eb(nowMs, '-', eb.ref('orphaned_since')).as('forMs')])
      .where('repository_id', '=', await content.repositoryId(repository))
      .where('orphaned_since', 'is not', null)
      .orderBy('digest')
      .execute()
    for (const { forMs } of found) expect(forMs).toBeLessThan(10_000)
    return found.map(({ digest }) => digest)
  }
  const candidates = async (kind: 'link' | 'manifest' | 'blob') => {
    const found = await content.db.read
      .selectFrom('candidates')
      .select(['digest', (eb) => eb('due', '-', nowMs).as('inMs')])
      .where('kind', '=', kind)
      .where('scope_id', '=', await content.repositoryId(repository))
      .orderBy('digest')
      .execute()
    for (const { inMs } of found) expect(Math.abs(inMs - hourMs)).toBeLessThan(20_000)
    return found.map(({ digest }) => digest)
  }
  const forgetCandidates = () => content.run('delete from candidates')

  test('says undefined when there is none, and that an unknown repository is unknown', async () => {
    const digest = await put('there')
    expect(await remove(digestFor('not there'))).toBeUndefined()
    await expect(remove(digest, { repositoryId: 999_999 })).rejects.toMatchObject({
      code: 'NAME_UNKNOWN',
    })
    expect(await exists(digest)).toBe(true)
  })

  test('takes its tags with it, and says which, in their history and in an event', async () => {
    const digest = await put('tagged', { tags: ['b', 'a'] })
    const other = await put('other', { tags: ['keeps'] })
    expect(await remove(digest)).toEqual({ tags: ['a', 'b'] })
    expect(await exists(digest)).toBe(false)
    const { feedId } = content
    const find = (tag: string) => findManifestByTag(content.db.read, { feedId, repository, tag })
    expect([await find('a'), await find('b')]).toEqual([undefined, undefined])
    expect((await find('keeps'))?.digest).toBe(other)
    const history = await content.db.read
      .selectFrom('tag_history')
      .select(['name', 'previous_digest', 'by'])
      .where('repository_id', '=', await content.repositoryId(repository))
      .where('digest', 'is', null)
      .orderBy('name')
      .execute()
    expect(history).toEqual(
      ['a', 'b'].map((name) => ({ name, previous_digest: digest, by: 'bob' })),
    )
    const event = await content.db.read
      .selectFrom('events')
      .select(['by', 'detail'])
      .where('kind', '=', 'manifest.deleted')
      .where('repository', '=', repository)
      .executeTakeFirstOrThrow()
    expect(event.by).toBe('bob')
    expect(JSON.parse(event.detail)).toEqual({ digest, tags: ['a', 'b'] })
  })

  test('leaves the same manifest of another repository alone', async () => {
    const digest = await put('twin', { tags: ['v1'] })
    await put('twin', { repository: `${repository}/beside`, tags: ['v1'] })
    await remove(digest)
    const key = { feedId: content.feedId, repository: `${repository}/beside`, tag: 'v1' }
    expect(await findManifestByTag(content.db.read, key)).toMatchObject({ digest })
  })

  describe('with blobs', () => {
    test('starts the clock of their links and tells clean-up; the links stay', async () => {
      const layer = await content.pushBlob('layer', { repository })
      const config = await content.pushBlob('config', { repository })
      const digest = await put('image', { layers: [layer], config })
      const repositoryId = await content.repositoryId(repository)
      await content.run(`update links set lease_until = 5 where digest = '${layer}'`)
      await content.run(`update links set lease_until = now_ms() + 9000000
        where digest = '${config}'`)
      await forgetCandidates()
      await remove(digest)
      const left = async (of: string) => {
        const link = await content.db.read
          .selectFrom('links')
          .select((eb) => eb('lease_until', '-', nowMs).as('ms'))
          .where('repository_id', '=', repositoryId)
          .where('digest', '=', of)
          .executeTakeFirstOrThrow()
        return link.ms
      }
      expect(Math.abs(await left(layer))).toBeLessThan(10_000)
      expect(await left(config)).toBeGreaterThan(8_000_000)
      expect(await candidates('link')).toEqual([layer, config].sort())
      for (const blob of [layer, config]) {
        expect(await findLinkedBlob(content.db.read, { repositoryId, digest: blob })).toBeDefined()
      }
    })
  })

  describe('with children', () => {
    test('is refused for a child of an index, naming the index, and changes nothing', async () => {
      const child = await put('child', { tags: ['v1'] })
      const parents = [
        await put('index one', { children: [child] }),
        await put('index two', { children: [child] }),
      ]
      const refusal = await remove(child).catch((error: unknown) => error)
      expect(refusal).toMatchObject({ code: 'IN_USE' })
      const { detail } = refusal as { detail: { usedBy: string[] } }
      expect([...detail.usedBy].sort()).toEqual(parents.sort())
      const key = { feedId: content.feedId, repository, tag: 'v1' }
      expect(await findManifestByTag(content.db.read, key)).toMatchObject({ digest: child })
    })

    test('makes orphans of them, and clean-up is told', async () => {
      const children = [await put('child one'), await put('child two')].sort()
      const index = await put('index', { children })
      await forgetCandidates()
      await remove(index)
      expect(await orphans()).toEqual(children)
      expect(await candidates('manifest')).toEqual(children)
      expect(await remove(children[0] ?? '')).toEqual({ tags: [] })
    })

    test('keeps those that have a tag or another parent', async () => {
      const tagged = await put('tagged child', { tags: ['v1'] })
      const shared = await put('shared child')
      const lone = await put('lone child')
      const index = await put('index', { children: [tagged, shared, lone] })
      const second = await put('second index', { children: [shared] })
      await forgetCandidates()
      await remove(index)
      expect(await orphans()).toEqual([lone])
      await remove(second)
      expect(await orphans()).toEqual([lone, shared].sort())
      expect(await candidates('manifest')).toEqual([lone, shared].sort())
    })

    test('of indexes in indexes makes orphans of one level at a time', async () => {
      const leaf = await put('leaf')
      const inner = await put('inner', { children: [leaf] })
      const outer = await put('outer', { children: [inner] })
      await remove(outer)
      expect(await orphans()).toEqual([inner])
      await remove(inner)
      expect(await orphans()).toEqual([leaf])
    })

    test('an orphan that is tagged again, or gets a parent, is none', async () => {
      const [one, two] = [await put('child one'), await put('child two')]
      const index = await put('index', { children: [one, two] })
      await remove(index)
      const repositoryId = await content.repositoryId(repository)
      const tag = { repositoryId, tag: 'kept', digest: one, mayOverwrite: false, by: 'ann' }
      await content.db.write(createTag, tag)
      await put('new index', { children: [two] })
      expect(await orphans()).toEqual([])
    })

    test('forgets what a sparse index waited for', async () => {
      const feedId = await content.addFeed({ sparse_indexes: 1 })
      const push = content.manifest('i', { feedId, repository, children: [digestFor('later')] })
      await content.put(push)
      const repositoryId = await content.repositoryId(repository, feedId)
      await remove(push.digest, { repositoryId })
      await content.put(content.manifest('later', { feedId, repository }))
      const edges = content.db.read
        .selectFrom('manifest_children')
        .innerJoin('manifests', 'manifests.id', 'child_id')
        .select('parent_id')
        .where('repository_id', '=', repositoryId)
      expect(await edges.execute()).toEqual([])
    })
  })

  test('makes orphans of its referrers, unless a tag or an index holds them', async () => {
    const subject = await put('subject')
    const lone = await put('signature', { subject })
    const tagged = await put('tagged signature', { subject, tags: ['sha256-x.sig'] })
    const listed = await put('listed signature', { subject })
    await put('index of signatures', { children: [listed] })
    const other = await put('of another', { subject: digestFor('another') })
    await forgetCandidates()
    await remove(subject)
    expect(await orphans()).toEqual([lone])
    expect(await candidates('manifest')).toEqual([lone])
    expect([await exists(tagged), await exists(other)]).toEqual([true, true])
    await put('subject')
    expect(await orphans()).toEqual([])
  })

  test('of an index that is also the subject of its child makes one orphan of it', async () => {
    const index = digestFor('index and subject')
    const child = await put('child and referrer', { subject: index })
    await put('index and subject', { children: [child] })
    await forgetCandidates()
    await remove(index)
    expect(await orphans()).toEqual([child])
    expect(await candidates('manifest')).toEqual([child])
  })

  test('can be undone by pushing again', async () => {
    const layer = await content.pushBlob('layer', { repository })
    const digest = await put('again', { layers: [layer], tags: ['v1'] })
    await remove(digest)
    await put('again', { layers: [layer], tags: ['v1'] })
    expect(await exists(digest)).toBe(true)
  })

  test('leaves the database in order', async () => {
    const found = await listViolations(content.db.read)
    expect(found.filter((violation) => !violation.includes('clean-up will not'))).toEqual([])
  })
})
