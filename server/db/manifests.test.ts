import { beforeAll, describe, expect, test } from 'vitest'
import { mediaTypes } from '../../test/support/content.ts'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { deleteManifest } from './manifest-deletion.ts'
import {
  findAnnotations,
  findManifestByDigest,
  findManifestByTag,
  findManifestIdByDigest,
  findManifestIdByTag,
  findWholeManifest,
  listReferrers,
  needsPromise,
  promiseManifest,
} from './manifests.ts'

describeDatabases('manifests', (databases) => {
  let content: DatabaseContent
  beforeAll(async () => {
    content = await openContent(databases)
  })

  test('are found by digest and by tag, with the very bytes that were pushed', async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 0, 128])
    const digest = await content.put(
      content.manifest('exact', { content: bytes, tags: ['1.0', 'latest'] }),
    )
    const key = { feedId: content.feedId, repository: 'app' }
    const found = await findManifestByDigest(content.db.read, { ...key, digest })
    expect(found).toMatchObject({ digest, mediaType: mediaTypes.image, sizeBytes: 6 })
    for (const tag of ['1.0', 'latest']) {
      expect(await findManifestByTag(content.db.read, { ...key, tag })).toMatchObject({
        ...{ id: found?.id, digest, mediaType: mediaTypes.image, sizeBytes: 6 },
      })
      expect(await findManifestIdByTag(content.db.read, { ...key, tag })).toEqual({ id: found?.id })
    }
    const stored = await findWholeManifest(content.db.read, found?.id ?? 0)
    expect(stored).toMatchObject({ digest, mediaType: mediaTypes.image })
    expect(Buffer.from(stored?.content ?? [])).toEqual(bytes)
  })

  test('are found in their own repository and feed only, tags by their exact case', async () => {
    const digest = await content.put(content.manifest('own', { repository: 'own', tags: ['v1'] }))
    const other = await content.addFeed()
    const key = { feedId: content.feedId, repository: 'own' }
    for (const wrong of [{ repository: 'owner' }, { repository: 'OWN' }, { feedId: other }]) {
      const place = { ...key, ...wrong }
      expect(await findManifestByDigest(content.db.read, { ...place, digest })).toBeUndefined()
      expect(await findManifestByTag(content.db.read, { ...place, tag: 'v1' })).toBeUndefined()
      expect(await findManifestIdByDigest(content.db.read, { ...place, digest })).toBeUndefined()
      expect(await findManifestIdByTag(content.db.read, { ...place, tag: 'v1' })).toBeUndefined()
    }
    expect(await findManifestByTag(content.db.read, { ...key, tag: 'V1' })).toBeUndefined()
    expect(await findManifestIdByTag(content.db.read, { ...key, tag: 'V1' })).toBeUndefined()
    const absent = { ...key, digest: digestFor('absent') }
    expect(await findManifestByDigest(content.db.read, absent)).toBeUndefined()
  })

  test('that were deleted have no bytes and no promise', async () => {
    const digest = await content.put(content.manifest('short-lived'))
    const { id } = await content.head(digest)
    const repositoryId = await content.repositoryId('app')
    await content.db.write(deleteManifest, { repositoryId, digest, graceMs: hourMs, by: 'ann' })
    expect(await findWholeManifest(content.db.read, id)).toBeUndefined()
    expect(
      await findManifestIdByDigest(content.db.read, {
        ...{ feedId: content.feedId, repository: 'app', digest },
      }),
    ).toBeUndefined()
    expect(await content.db.write(promiseManifest, { id, graceMs: hourMs })).toBe(false)
  })

  describe('a promise', () => {
    const age = (id: number, leaseMs: number, promisedMs: number) =>
      content.run(`update manifests set lease_until = now_ms() + ${leaseMs},
        promised_at = now_ms() + ${promisedMs} where id = ${id}`)

    test('is needed once half is spent or half a day is over', async () => {
      const digest = await content.put(content.manifest('promised'))
      const { id } = await content.head(digest)
      const needed = async () => needsPromise(await content.head(digest), hourMs)
      expect(await needed()).toBe(false)
      await age(id, hourMs / 2 + 5000, 0)
      expect(await needed()).toBe(false)
      await age(id, hourMs / 2 - 1, 0)
      expect(await needed()).toBe(true)
      await age(id, hourMs, -12 * hourMs)
      expect(await needed()).toBe(true)
      expect(await content.db.write(promiseManifest, { id, graceMs: hourMs })).toBe(true)
      expect(await needed()).toBe(false)
    })

    test('covers the grace time from now and never shortens a lease', async () => {
      const digest = await content.put(content.manifest('lengthened'))
      const { id } = await content.head(digest)
      await age(id, -5 * hourMs, -5 * hourMs)
      await content.db.write(promiseManifest, { id, graceMs: hourMs })
      const { leftMs, promisedAgoMs } = await content.head(digest)
      expect(leftMs).toBeGreaterThan(hourMs - 10_000)
      expect(promisedAgoMs).toBeLessThan(10_000)
      await age(id, 9 * hourMs, 0)
      await content.db.write(promiseManifest, { id, graceMs: hourMs })
      expect((await content.head(digest)).leftMs).toBeGreaterThan(8 * hourMs)
    })
  })

  describe('referrers', () => {
    const subject = digestFor('the subject')
    let repositoryId = 0
    const signatures: string[] = []
    let sbom = ''
    beforeAll(async () => {
      const into = { repository: 'signed', subject }
      for (const name of ['a', 'b', 'c', 'd', 'e']) {
        const type = { artifactType: 'application/x-signature' }
        signatures.push(
          await content.put(content.manifest(`signature ${name}`, { ...into, ...type })),
        )
      }
      signatures.sort()
      const annotations = JSON.stringify({ 'org.example.note': 'é' })
      const about = { artifactType: 'application/x-sbom', annotations }
      sbom = await content.put(content.manifest('sbom', { ...into, ...about }))
      await content.put(content.manifest('of another', { ...into, subject: digestFor('another') }))
      await content.put(content.manifest('elsewhere', { subject }))
      repositoryId = await content.repositoryId('signed')
    })

    const list = (filter: { artifactType?: string; after?: string; count?: number } = {}) =>
      listReferrers(content.db.read, {
        ...{ repositoryId, subject, artifactType: null, after: '', count: 100 },
        ...filter,
      })

    test('are those of the subject in the repository, by digest, whether it is there or not', async () => {
      const found = await list()
      expect(found.map(({ digest }) => digest)).toEqual([...signatures, sbom].sort())
      expect(found.find(({ digest }) => digest === sbom)).toEqual({
        ...{ digest: sbom, mediaType: mediaTypes.image, sizeBytes: 'sbom'.length },
        ...{ artifactType: 'application/x-sbom', annotationsBytes: 25 },
      })
      expect(found.filter(({ digest }) => digest !== sbom)).toMatchObject(
        signatures.map(() => ({ annotationsBytes: 0 })),
      )
      expect(await findAnnotations(content.db.read, { repositoryId, digest: sbom })).toBe(
        '{"org.example.note":"é"}',
      )
      const [digest = ''] = signatures
      expect(await findAnnotations(content.db.read, { repositoryId, digest })).toBeNull()
      const gone = { repositoryId, digest: digestFor('gone') }
      expect(await findAnnotations(content.db.read, gone)).toBeUndefined()
    })

    test('are filtered by their exact type', async () => {
      const found = await list({ artifactType: 'application/x-signature' })
      expect(found.map(({ digest }) => digest)).toEqual(signatures)
      expect(await list({ artifactType: 'application/x' })).toEqual([])
    })

    test('come in pages, also filtered ones', async () => {
      const pages: string[][] = []
      for (let after: string | undefined = ''; after !== undefined; ) {
        const page = await list({ artifactType: 'application/x-signature', after, count: 2 })
        pages.push(page.map(({ digest }) => digest))
        after = page.length === 2 ? page.at(-1)?.digest : undefined
      }
      expect(pages.map((page) => page.length)).toEqual([2, 2, 1])
      expect(pages.flat()).toEqual(signatures)
    })
  })
})
