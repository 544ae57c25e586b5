import { beforeAll, describe, expect, test } from 'vitest'
import { mediaTypes } from '../../test/support/content.ts'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { listViolations } from '../../test/support/database-invariants.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { markDamaged } from './blobs.ts'
import { findLinkedBlob, listBlobUsers } from './links.ts'
import { deleteManifest } from './manifest-deletion.ts'
import type { ManifestPush } from './manifest-push.ts'
import { findManifestByTag, findWholeManifest } from './manifests.ts'
import { findRepository } from './repositories.ts'
import { nowMs } from './sql.ts'

describeDatabases('a manifest push', (databases) => {
  let content: DatabaseContent
  let serial = 0
  beforeAll(async () => {
    content = await openContent(databases)
  })

  const newRepository = () => {
    serial += 1
    return `pushes/${serial}`
  }
  const rows = async (repository: string, feedId = content.feedId) => {
    const id = await content.repositoryId(repository, feedId)
    const { read } = content.db
    const manifest = await read
      .selectFrom('manifests')
      .selectAll()
      .where('repository_id', '=', id)
      .orderBy('id')
      .execute()
    const blobs = await read
      .selectFrom('manifest_blobs')
      .select(['manifest_id', 'digest', 'role'])
      .where('repository_id', '=', id)
      .orderBy('digest')
      .execute()
    const children = await read
      .selectFrom('manifest_children')
      .innerJoin('manifests', 'manifests.id', 'parent_id')
      .select(['parent_id', 'child_id'])
      .where('manifests.repository_id', '=', id)
      .orderBy('child_id')
      .execute()
    const wanted = await read
      .selectFrom('wanted')
      .select(['manifest_id', 'digest'])
      .where('repository_id', '=', id)
      .execute()
    const history = await read
      .selectFrom('tag_history')
      .select(['name', 'digest', 'previous_digest', 'by'])
      .where('repository_id', '=', id)
      .orderBy('id')
      .execute()
    return { manifest, blobs, children, wanted, history }
  }
  const damage = async (digest: string, repository: string) => {
    const repositoryId = await content.repositoryId(repository)
    const blob = await findLinkedBlob(content.db.read, { repositoryId, digest })
    await content.db.write(markDamaged, {
      ...{ storeId: content.storeId, location: blob?.location ?? '' },
    })
  }
  /** The push is refused as a whole: nothing in the database is different afterwards. */
  const refused = async (push: ManifestPush, missing: readonly string[]) => {
    const before = await everything(content)
    await expect(content.put(push)).rejects.toMatchObject({
      code: 'MANIFEST_BLOB_UNKNOWN',
      detail: missing.map((digest) => ({ digest })),
    })
    expect(await everything(content)).toEqual(before)
  }

  test('stores the manifest with its edges, each in its role', async () => {
    const repository = newRepository()
    const config = await content.pushBlob('config', { repository })
    const layer = await content.pushBlob('layer', { repository })
    const push = content.manifest('image', {
      ...{ repository, config, layers: [layer, layer], subject: digestFor('s') },
      ...{ artifactType: 'a/b', annotations: '{"k":"v"}', by: 'bob' },
    })
    await content.put(push)
    const { manifest, blobs } = await rows(repository)
    expect(manifest).toHaveLength(1)
    expect(manifest[0]).toMatchObject({
      ...{ digest: push.digest, media_type: mediaTypes.image, artifact_type: 'a/b' },
      ...{ subject: digestFor('s'), annotations: '{"k":"v"}', size_bytes: 5, pushed_by: 'bob' },
      orphaned_since: null,
    })
    const id = manifest[0]?.id ?? 0
    expect(blobs).toEqual(
      [
        { manifest_id: id, digest: config, role: 'config' },
        { manifest_id: id, digest: layer, role: 'layer' },
      ].sort(byDigest),
    )
    const whole = await findWholeManifest(content.db.read, id)
    expect(Buffer.from(whole?.content ?? []).toString()).toBe('image')
  })

  test('promises the manifest and all that it refers to, even when much of a lease is left', async () => {
    const repository = newRepository()
    const config = await content.pushBlob('config', { repository })
    const child = await content.put(content.manifest('child', { repository }))
    await content.run(`update links set lease_until = now_ms() + 3000000, promised_at = 0`)
    await content.run(`update manifests set lease_until = now_ms() + 3000000, promised_at = 0`)
    await content.put(content.manifest('parent', { repository, config, children: [child] }))
    const id = await content.repositoryId(repository)
    for (const table of ['links', 'manifests'] as const) {
      const leases = await content.db.read
        .selectFrom(table)
        .select(['promised_at', (eb) => eb('lease_until', '-', nowMs).as('leftMs')])
        .where('repository_id', '=', id)
        .execute()
      for (const lease of leases) {
        expect(lease.promised_at).toBeGreaterThan(0)
        expect(lease.leftMs).toBeGreaterThan(hourMs - 20_000)
      }
      expect(leases.length).toBe(table === 'links' ? 1 : 2)
    }
  })

  test('twice is the same as once', async () => {
    const repository = newRepository()
    const layers = [await content.pushBlob('layer', { repository })]
    const push = content.manifest('same', { repository, layers, tags: ['v1'], by: 'ann' })
    await content.put(push)
    const before = await rows(repository)
    await content.put({ ...push, by: 'bob' })
    const after = await rows(repository)
    const [first, second] = [before.manifest[0], after.manifest[0]]
    expect({ ...second, lease_until: 0, promised_at: 0 }).toEqual({
      ...{ ...first, lease_until: 0, promised_at: 0 },
    })
    expect({ ...after, manifest: [] }).toEqual({ ...before, manifest: [] })
  })

  test('of the same bytes as another media type is refused, and changes nothing', async () => {
    const repository = newRepository()
    const push = content.manifest('two faces', { repository, tags: ['v1'] })
    await content.put(push)
    const before = await everything(content)
    const other = { ...push, mediaType: mediaTypes.dockerImage, tags: ['v2'] }
    await expect(content.put(other)).rejects.toMatchObject({ code: 'MANIFEST_INVALID' })
    expect(await everything(content)).toEqual(before)
  })

  test('into a feed that is gone or switched off is not known', async () => {
    for (const feedId of [999_999, await content.addFeed({ active: 0 })]) {
      const push = content.manifest('nowhere', { feedId })
      await expect(content.put(push)).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
      expect(await findRepository(content.db.read, feedId, 'app')).toBeUndefined()
    }
  })

  test('into a feed that was switched off since its repository was made is not known', async () => {
    const feedId = await content.addFeed()
    await content.put(content.manifest('before', { feedId }))
    await content.run(`update feeds set active = 0 where id = ${feedId}`)
    const push = content.manifest('after', { feedId })
    await expect(content.put(push)).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
  })

  describe('is refused, naming what is missing', () => {
    test('for a blob that nobody, or only another repository, has', async () => {
      const repository = newRepository()
      const here = await content.pushBlob('here', { repository })
      const there = await content.pushBlob('there', { repository: newRepository() })
      const nowhere = digestFor('nowhere')
      const layers = [here, there, nowhere]
      await refused(content.manifest('m', { repository, layers, tags: ['v1'] }), [there, nowhere])
      await refused(content.manifest('m', { repository, config: nowhere }), [nowhere])
    })

    test('for a damaged blob', async () => {
      const repository = newRepository()
      const layer = await content.pushBlob('damaged here', { repository })
      await damage(layer, repository)
      await refused(content.manifest('m', { repository, layers: [layer] }), [layer])
    })

    test('for a child of another repository, or none', async () => {
      const repository = newRepository()
      const there = await content.put(content.manifest('t', { repository: newRepository() }))
      const nowhere = digestFor('no child')
      const children = [there, nowhere]
      await refused(content.manifest('m', { repository, children }), children)
    })

    test('also when the repository does not exist, which then does not either', async () => {
      const repository = newRepository()
      const layer = digestFor('no layer')
      await refused(content.manifest('m', { repository, layers: [layer] }), [layer])
      expect(await findRepository(content.db.read, content.feedId, repository)).toBeUndefined()
    })

    test('with ten names in the message and the count of the rest', async () => {
      const layers = Array.from({ length: 12 }, (_, i) => digestFor(`missing ${i}`))
      await expect(content.put(content.manifest('m', { layers }))).rejects.toMatchObject({
        message: expect.stringMatching(/and 2 more, not in this repository/),
      })
    })
  })

  test('of optional layers holds those that are here, and the others when they come', async () => {
    const repository = newRepository()
    const here = await content.pushBlob('optional, here', { repository })
    const absent = digestFor('optional, absent')
    await content.put(content.manifest('windows', { repository, optional: [here, absent] }))
    const { manifest, blobs, wanted } = await rows(repository)
    const edge = { manifest_id: manifest[0]?.id, role: 'layer' }
    expect(blobs).toEqual([{ ...edge, digest: here }])
    expect(wanted.map(({ digest }) => digest)).toEqual([absent])
    await content.pushBlob('optional, absent', { repository })
    const come = await rows(repository)
    expect(come.wanted).toEqual([])
    expect(come.blobs).toEqual([here, absent].map((digest) => ({ ...edge, digest })).sort(byDigest))
  })

  test('holds an optional layer that is damaged: a push elsewhere may mend it', async () => {
    const repository = newRepository()
    const broken = await content.pushBlob('optional, broken', { repository })
    await damage(broken, repository)
    await content.put(content.manifest('windows', { repository, optional: [broken] }))
    await content.pushBlob('optional, broken', { repository: newRepository() })
    const { blobs, wanted } = await rows(repository)
    expect(wanted).toEqual([])
    expect(blobs).toMatchObject([{ digest: broken, role: 'layer' }])
  })

  test('needs a layer that is optional in one place and not in another', async () => {
    const repository = newRepository()
    const both = digestFor('optional and not')
    const push = content.manifest('m', { repository, layers: [both], optional: [both] })
    await refused(push, [both])
    await refused({ ...push, layers: [], config: both }, [both])
  })

  describe('of an index', () => {
    test('holds its children, manifests and blobs', async () => {
      const repository = newRepository()
      const child = await content.put(content.manifest('child', { repository }))
      const cache = await content.pushBlob('cache', { repository })
      await content.put(content.manifest('index', { repository, children: [child, cache] }))
      const { manifest, blobs, children } = await rows(repository)
      const [childRow, indexRow] = manifest
      expect(children).toEqual([{ parent_id: indexRow?.id, child_id: childRow?.id }])
      expect(blobs).toEqual([{ manifest_id: indexRow?.id, digest: cache, role: 'child' }])
    })

    test('takes children and referrers out of orphanage', async () => {
      const repository = newRepository()
      const child = await content.put(content.manifest('child', { repository }))
      const subject = digestFor('index')
      await content.put(content.manifest('referrer', { repository, subject }))
      await content.put(content.manifest('bystander', { repository }))
      const id = await content.repositoryId(repository)
      await content.run(`update manifests set orphaned_since = 1, lease_until = 0
        where repository_id = ${id}`)
      await content.put(content.manifest('index', { repository, children: [child] }))
      const { manifest } = await rows(repository)
      expect(manifest.map((row) => row.orphaned_since)).toEqual([null, null, 1, null])
      expect(manifest.map((row) => row.lease_until > 0)).toEqual([true, true, false, true])
    })

    test('pushed again is no orphan any more', async () => {
      const repository = newRepository()
      await content.put(content.manifest('back', { repository }))
      const id = await content.repositoryId(repository)
      await content.run(`update manifests set orphaned_since = 1 where repository_id = ${id}`)
      await content.put(content.manifest('back', { repository }))
      expect((await rows(repository)).manifest.map((row) => row.orphaned_since)).toEqual([null])
    })

    test('that may be sparse waits for its children, and gets its edges when they come', async () => {
      const feedId = await content.addFeed({ sparse_indexes: 1 })
      const repository = newRepository()
      const into = { feedId, repository }
      const names = ['sparse child', 'sparse blob', 'never']
      const children = names.map(digestFor)
      const push = content.manifest('index', { ...into, children })
      await content.put(push)
      const waiting = await rows(repository, feedId)
      expect(waiting.wanted.map(({ digest }) => digest).sort()).toEqual([...children].sort())
      await content.put(content.manifest('sparse child', into))
      await content.pushBlob('sparse blob', into)
      const come = await rows(repository, feedId)
      const [index, child] = come.manifest
      expect(come.wanted).toEqual([{ manifest_id: index?.id, digest: digestFor('never') }])
      expect(come.children).toEqual([{ parent_id: index?.id, child_id: child?.id }])
      expect(come.blobs).toEqual([
        { manifest_id: index?.id, digest: digestFor('sparse blob'), role: 'child' },
      ])
      await content.put(push)
      expect(await rows(repository, feedId)).toMatchObject({
        ...{ wanted: come.wanted, children: come.children, blobs: come.blobs },
      })
    })

    test('of a sparse image ties in its config and layers when they come', async () => {
      const feedId = await content.addFeed({ sparse_indexes: 1 })
      const into = { feedId, repository: newRepository() }
      const [config, layer] = [digestFor('late config'), digestFor('late layer')]
      await content.put(content.manifest('sparse image', { ...into, config, layers: [layer] }))
      expect((await rows(into.repository, feedId)).wanted).toHaveLength(2)
      await content.pushBlob('late config', into)
      await content.pushBlob('late layer', into)
      const { blobs, wanted } = await rows(into.repository, feedId)
      expect(wanted).toEqual([])
      expect(new Map(blobs.map(({ digest, role }) => [digest, role]))).toEqual(
        new Map([
          [config, 'config'],
          [layer, 'layer'],
        ]),
      )
    })
  })

  describe('with tags', () => {
    const at = async (repository: string, tag: string, feedId = content.feedId) =>
      (await findManifestByTag(content.db.read, { feedId, repository, tag }))?.digest

    test('sets them all, moves those that pointed elsewhere, and says so in their history', async () => {
      const repository = newRepository()
      const first = await content.put(content.manifest('one', { repository, tags: ['a', 'b'] }))
      const push = content.manifest('two', { repository, tags: ['b', 'c', 'c'], by: 'bob' })
      const second = await content.put(push)
      expect(await at(repository, 'a')).toBe(first)
      expect(await at(repository, 'b')).toBe(second)
      expect(await at(repository, 'c')).toBe(second)
      expect((await rows(repository)).history).toEqual([
        { name: 'a', digest: first, previous_digest: null, by: 'ann' },
        { name: 'b', digest: first, previous_digest: null, by: 'ann' },
        { name: 'b', digest: second, previous_digest: first, by: 'bob' },
        { name: 'c', digest: second, previous_digest: null, by: 'bob' },
      ])
      const { manifest } = await rows(repository)
      expect(manifest.map((row) => row.orphaned_since)).toEqual([null, null])
    })

    test.each([
      ['never', true, 'DENIED'],
      ['permission', false, 'DENIED'],
      ['permission', true, undefined],
      ['allowed', false, undefined],
    ] as const)(
      'under the rule "%s" (may overwrite: %s)',
      async (overwrite, mayOverwrite, code) => {
        const feedId = await content.addFeed({ overwrite })
        const repository = newRepository()
        const into = { feedId, repository, mayOverwrite }
        const first = await content.put(content.manifest('one', { ...into, tags: ['v1'] }))
        const push = content.manifest('two', { ...into, tags: ['free', 'v1'] })
        if (code === undefined) {
          await content.put(push)
          expect(await at(repository, 'v1', feedId)).toBe(push.digest)
        } else {
          const before = await everything(content)
          await expect(content.put(push)).rejects.toMatchObject({ code, detail: { tag: 'v1' } })
          expect(await everything(content)).toEqual(before)
        }
        await content.put(content.manifest('one', { ...into, tags: ['other'] }))
        expect(await at(repository, 'other', feedId)).toBe(first)
      },
    )
  })

  test('of what an index has as a blob makes it a child of the index too', async () => {
    const repository = newRepository()
    const child = await content.pushBlob('child, first a blob', { repository })
    const other = await content.pushBlob('layer, first a blob', { repository })
    await content.put(content.manifest('its index', { repository, children: [child] }))
    await content.put(content.manifest('its image', { repository, layers: [other] }))
    expect((await rows(repository)).children).toEqual([])
    for (const name of ['child, first a blob', 'layer, first a blob']) {
      await content.put(content.manifest(name, { repository }))
    }
    const { manifest, blobs, children } = await rows(repository)
    const idOf = (digest: string) => manifest.find((row) => row.digest === digest)?.id
    const parent = idOf(digestFor('its index'))
    expect(children).toEqual([{ parent_id: parent, child_id: idOf(child) }])
    expect(blobs).toContainEqual({ manifest_id: parent, digest: child, role: 'child' })
    const repositoryId = await content.repositoryId(repository)
    const remove = (digest: string) =>
      content.db.write(deleteManifest, { repositoryId, digest, graceMs: hourMs, by: 'ann' })
    await expect(remove(child)).rejects.toMatchObject({ code: 'IN_USE' })
    expect(await remove(other)).toEqual({ tags: [] })
    // Other tests leave orphans that they made by hand.
    const broken = (await listViolations(content.db.read)).filter((rule) => /child/.test(rule))
    expect(broken).toEqual([])
  })

  test('that thousands of sparse indexes wait for becomes a child of all of them', async () => {
    const feedId = await content.addFeed({ sparse_indexes: 1 })
    const repository = newRepository()
    const into = { feedId, repository }
    const [child, blob] = [digestFor('much wanted'), digestFor('much wanted blob')]
    await content.put(content.manifest('index', { ...into, children: [child, blob] }))
    const { manifest } = await rows(repository, feedId)
    const id = await content.repositoryId(repository, feedId)
    const copies = 9000
    await content.run(`insert into manifests (repository_id, digest, media_type, artifact_type,
        subject, annotations, size_bytes, orphaned_since, promised_at, lease_until, pushed_at,
        pushed_by)
      with recursive n(i) as (select 1 union all select i + 1 from n where i < ${copies})
      select repository_id, 'copy ' || i, media_type, null, null, null, 0, null, 0, 0, 0, ''
      from n, manifests where id = ${manifest[0]?.id}`)
    // PostgreSQL would go on with plans made for a handful of rows until autovacuum comes by.
    await content.run('analyze manifests')
    await content.run(`insert into wanted (manifest_id, repository_id, digest, role)
      select m.id, m.repository_id, w.digest, w.role from manifests m, wanted w
      where m.repository_id = ${id} and w.repository_id = ${id} and m.digest like 'copy %'`)
    await content.put(content.manifest('much wanted', into))
    await content.pushBlob('much wanted blob', into)
    const after = await rows(repository, feedId)
    expect(after.wanted).toEqual([])
    expect(after.children).toHaveLength(copies + 1)
    expect(after.blobs).toHaveLength(copies + 1)
    // They have no bytes: nobody shall wonder later.
    for (const table of ['manifest_children', 'manifest_blobs']) {
      await content.run(`delete from ${table}`)
    }
    await content.run(`delete from manifests where digest like 'copy %'`)
  })

  test('of thousands of references has an edge for each', async () => {
    const repository = newRepository()
    const repositoryId = (await content.startUpload({ repository })).repositoryId
    const layers = Array.from({ length: 2500 }, (_, i) => digestFor(`many ${i}`))
    const values = (of: (digest: string) => string) => layers.map(of).join(', ')
    await content.run(`insert into blobs (store_id, digest, location, size_bytes, state, created_at)
      values ${values((digest) => `(${content.storeId}, '${digest}', '${digest}', 1, 'live', 0)`)}`)
    await content.run(`insert into links (repository_id, digest, store_id, promised_at, lease_until)
      values ${values((digest) => `(${repositoryId}, '${digest}', ${content.storeId}, 0, 0)`)}`)
    await content.put(content.manifest('vast', { repository, layers }))
    expect((await rows(repository)).blobs.map(({ digest }) => digest)).toEqual([...layers].sort())
    const last = { repositoryId, digest: layers.at(-1) ?? '' }
    expect(await listBlobUsers(content.db.read, last, 10)).toMatchObject([{ role: 'layer' }])
    // They were filled in, not pushed: clean-up was not told.
    await content.run(`delete from manifest_blobs where repository_id = ${repositoryId}`)
    await content.run(`delete from links where repository_id = ${repositoryId}`)
    await content.run(`delete from blobs where location like 'sha256:%'`)
  })

  test('leaves the database in order', async () => {
    const found = await listViolations(content.db.read)
    expect(found.filter((violation) => !violation.startsWith('an orphan that'))).toEqual([])
  })
})

/** Every row that a push could touch. */
async function everything({ db }: DatabaseContent) {
  const tables = [
    ...(['repositories', 'links', 'manifests', 'manifest_contents', 'manifest_blobs'] as const),
    ...(['manifest_children', 'wanted', 'tags', 'tag_history', 'events', 'candidates'] as const),
  ]
  const rows = []
  for (const table of tables) rows.push(await db.read.selectFrom(table).selectAll().execute())
  return rows.map((each) => each.map((row) => JSON.stringify(row)).sort())
}

function byDigest(a: { readonly digest: string }, b: { readonly digest: string }) {
  return a.digest < b.digest ? -1 : 1
}
