import { createHash } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import {
  addContent,
  contentWrites,
  type DatabaseContent,
  digestFor,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { type Random, seededRandom } from '../../test/support/random.ts'
import { mountBlob } from '../db/blobs.ts'
import type { Db } from '../db/database.ts'
import { deleteFeedContent } from '../db/feed-content.ts'
import { retireFeed } from '../db/feeds.ts'
import { deleteLink } from '../db/links.ts'
import { deleteManifest } from '../db/manifest-deletion.ts'
import { sumsOfWhatIsThere } from '../db/migrations/007-retention-sizes.ts'
import { foldSizes } from '../db/size-folding.ts'
import { createTag, deleteTag } from '../db/tags.ts'
import { commitUpload } from '../db/uploads.ts'
import { RegistryError } from '../domain/errors.ts'
import { measureFeed, measureFreed, measureRepository } from './freed-bytes.ts'
import { pageImageSizes, pageRepositorySizes, readServerSizes } from './size-pages.ts'
import { foldAllSizes, readFeedSize } from './sizes.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))

interface Rows {
  readonly repositories: readonly { id: number; feed_id: number; name: string; listed: 0 | 1 }[]
  readonly links: readonly { repository_id: number; store_id: number; digest: string }[]
  readonly blobs: readonly { store_id: number; digest: string; size_bytes: number }[]
  readonly manifests: readonly {
    id: number
    repository_id: number
    digest: string
    size_bytes: number
  }[]
  readonly edges: readonly { manifest_id: number; repository_id: number; digest: string }[]
  readonly children: readonly { parent_id: number; child_id: number }[]
}

describeDatabases(`sizes (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  const steps = Number(
    process.env.ENTREPOT_TEST_STEPS ?? (databases.dialect === 'sqlite' ? 300 : 100),
  )
  let db: Db
  let content: DatabaseContent
  beforeAll(async () => {
    db = await databases.open({ writes: contentWrites })
  })
  beforeEach(async () => {
    content = await addContent(db)
  })

  test('are what adding up says, after every step', { timeout: 3_600_000 }, async () => {
    const random = seededRandom(seed)
    const history = await openHistory(content, random)
    const told: string[] = []
    for (let step = 0; step < steps; step += 1) {
      told.push(await history.play())
      const story = told.slice(-10).join('\n')
      const rows = await readRows(content)
      await checkSums(content, rows, story)
      if (step % 10 === 0) await checkImages(content, rows, story)
      if (step % 50 === 49) await history.checkFreed(story)
    }
    await foldAllSizes(content)
    expect(await content.db.read.selectFrom('size_changes').select('id').execute()).toEqual([])
    expect(told.filter((each) => !each.startsWith('refused')).length).toBeGreaterThan(steps / 3)
  })

  test('add up when several fold at once, in small parts', async () => {
    const pushes = Array.from({ length: 20 }, (_, at) =>
      content.pushImage(`image ${at}`, { repository: `r${at % 3}`, tags: [`t${at}`] }),
    )
    const folds = Array.from({ length: 40 }, () => content.db.write(foldSizes, { limit: 3 }))
    await Promise.all([...pushes, ...folds])
    await checkSums(content, await readRows(content), '')
  })

  test('of what was there before are those of the migration', async () => {
    await content.pushImage('one', { tags: ['t'] })
    await content.pushImage('one', { repository: 'other', tags: ['t'] })
    await foldAllSizes(content)
    const before = await readFeedSize(content, content.feedId)
    expect(before).toMatchObject({
      manifests: 2,
      logicalBytes: 28,
      blobs: 2,
      deduplicatedBytes: 14,
    })
    for (const table of ['feed_sizes', 'repository_sizes', 'store_sizes', 'feed_blobs']) {
      await content.run(`delete from ${table}`)
    }
    for (const statement of sumsOfWhatIsThere) await content.run(statement)
    expect(await readFeedSize(content, content.feedId)).toEqual(before)
    await checkSums(content, await readRows(content), '')
  })

  test('of a feed that is deleted go with it', async () => {
    const gone = await content.addFeed()
    await content.pushImage('shared', { feedId: gone, tags: ['t'] })
    await content.pushImage('shared', { tags: ['t'] })
    expect(await measureFeed(content, gone)).toBe(0)
    await content.db.write(retireFeed, { id: gone, by: 'ann' })
    let removed = 1
    while (removed > 0) {
      removed = (await content.db.write(deleteFeedContent, { feedId: gone, limit: 10 })).removed
    }
    await checkSums(content, await readRows(content), '')
    expect(await measureFeed(content, content.feedId)).toBe(14)
  })
})

async function readRows({ db }: DatabaseContent): Promise<Rows> {
  const { read } = db
  return {
    repositories: await read
      .selectFrom('repositories')
      .select(['id', 'feed_id', 'name', 'listed'])
      .execute(),
    links: await read.selectFrom('links').select(['repository_id', 'store_id', 'digest']).execute(),
    blobs: await read.selectFrom('blobs').select(['store_id', 'digest', 'size_bytes']).execute(),
    manifests: await read
      .selectFrom('manifests')
      .select(['id', 'repository_id', 'digest', 'size_bytes'])
      .execute(),
    edges: await read
      .selectFrom('manifest_blobs')
      .select(['manifest_id', 'repository_id', 'digest'])
      .execute(),
    children: await read
      .selectFrom('manifest_children')
      .select(['parent_id', 'child_id'])
      .execute(),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Adds up, row by row. */
function sizesIn(rows: Rows, inside: (repositoryId: number) => boolean) {
  const bytes = new Map(rows.blobs.map((blob) => [blob.digest, blob.size_bytes]))
  const sizeOf = (digest: string) => bytes.get(digest) ?? Number.NaN
  const manifests = rows.manifests.filter((each) => inside(each.repository_id))
  const links = rows.links.filter((each) => inside(each.repository_id))
  const digests = [...new Set(links.map(({ digest }) => digest))]
  return {
    manifests: manifests.length,
    manifestBytes: sum(manifests.map((each) => each.size_bytes)),
    logicalBytes: sum(
      rows.edges.filter((each) => inside(each.repository_id)).map(({ digest }) => sizeOf(digest)),
    ),
    blobs: digests.length,
    deduplicatedBytes: sum(digests.map(sizeOf)),
  }
}

async function checkSums(content: DatabaseContent, rows: Rows, story: string) {
  const { db } = content
  const server = await readServerSizes({ db })
  const stores = server.stores.filter(({ blobs }) => blobs > 0)
  expect(sum(stores.map(({ blobs }) => blobs)), story).toBe(rows.blobs.length)
  expect(server.deduplicatedBytes, story).toBe(sum(rows.blobs.map((each) => each.size_bytes)))
  const all = sizesIn(rows, () => true)
  expect(server, story).toMatchObject({
    ...{ manifests: all.manifests, manifestBytes: all.manifestBytes },
    logicalBytes: all.logicalBytes,
  })
  for (const feedId of new Set(rows.repositories.map((each) => each.feed_id))) {
    const ours = rows.repositories.filter((each) => each.feed_id === feedId)
    const ids = new Set(ours.map(({ id }) => id))
    expect(await readFeedSize({ db }, feedId), story).toEqual(sizesIn(rows, (id) => ids.has(id)))
    const page = await pageRepositorySizes({ db }, feedId, { after: '', count: 100 })
    const expected = ours
      .filter(({ listed }) => listed === 1)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ id, name }) => ({ repository: name, ...sizesIn(rows, (each) => each === id) }))
    expect(page.items, story).toEqual(expected)
  }
}

async function checkImages({ db }: DatabaseContent, rows: Rows, story: string) {
  for (const { id: repositoryId } of rows.repositories) {
    const page = await pageImageSizes({ db }, repositoryId, { after: '', count: 1000 })
    const expected = rows.manifests
      .filter((each) => each.repository_id === repositoryId)
      .sort((a, b) => (a.digest < b.digest ? -1 : 1))
      .map(({ id, digest }) => {
        const below = new Set([id])
        for (const each of below) {
          for (const edge of rows.children) if (edge.parent_id === each) below.add(edge.child_id)
        }
        const used = rows.edges.filter((edge) => below.has(edge.manifest_id))
        const digests = new Set(used.map((edge) => edge.digest))
        return {
          digest,
          logicalBytes: sum(
            rows.blobs.filter((blob) => digests.has(blob.digest)).map((blob) => blob.size_bytes),
          ),
          manifestBytes: sum(
            rows.manifests.filter((each) => below.has(each.id)).map((each) => each.size_bytes),
          ),
        }
      })
    expect(page.items, story).toEqual(expected)
  }
}

const blobNames = Array.from({ length: 14 }, (_, at) => `blob ${at}`)
const tagNames = ['a', 'b', 'c', 'd', 'e']
const lease = { graceMs: -1, by: 'ann' }
const maxManifests = 24

function sizeOf(name: string): number {
  return (createHash('sha256').update(name).digest().readUInt16BE(0) % 900) + 1
}

/** Two repositories of one feed, one of another, all in one store. */
async function openHistory(content: DatabaseContent, random: Random) {
  const { db, storeId } = content
  const other = await content.addFeed()
  const targets: { repository: string; feedId: number; id: number }[] = []
  for (const [repository, feedId] of [
    ['one', content.feedId],
    ['two', content.feedId],
    ['one', other],
  ] as const) {
    const { repositoryId } = await content.startUpload({ repository, feedId })
    targets.push({ repository, feedId, id: repositoryId })
  }
  const target = () => random.pick(targets)
  const some = async (table: 'links' | 'manifests', repositoryId: number) => {
    const rows = await db.read
      .selectFrom(table)
      .select('digest')
      .where('repository_id', '=', repositoryId)
      .execute()
    return rows.map(({ digest }) => digest)
  }
  const pickSome = <T>(items: readonly T[], most: number) =>
    items.filter(() => random.chance(0.35)).slice(0, most)
  let made = 0

  const commit = async () => {
    const to = target()
    const name = random.pick(blobNames)
    const upload = await content.startUpload(to)
    const sizeBytes = sizeOf(name)
    await db.write(commitUpload, { ...upload, digest: digestFor(name), sizeBytes, graceMs: -1 })
    return `commit ${name} to ${to.id}`
  }
  const mount = async () => {
    const [from, to, name] = [target(), target(), random.pick(blobNames)]
    const { feedId, repository } = to
    await db.write(mountBlob, {
      ...{ feedId, repository, storeId, sourceRepositoryId: from.id },
      ...{ digest: digestFor(name), graceMs: -1 },
    })
    return `mount ${name} from ${from.id} to ${to.id}`
  }
  const put = async () => {
    const to = target()
    const [config = null, ...layers] = pickSome(await some('links', to.id), 5)
    made += 1
    const name = random.chance(0.2) ? `again ${random.between(1, 5)}` : `manifest ${made}`
    const tags = pickSome(tagNames, 2)
    await content.put(content.manifest(name, { ...to, config, layers, tags, ...lease }))
    return `put ${name} to ${to.id}`
  }
  const putIndex = async () => {
    const to = target()
    const children = pickSome(await some('manifests', to.id), 3)
    made += 1
    const tags = pickSome(tagNames, 1)
    await content.put(content.manifest(`index ${made}`, { ...to, children, tags, ...lease }))
    return `put an index of ${children.length} to ${to.id}`
  }
  const putSignature = async () => {
    const to = target()
    const [signed] = pickSome(await some('manifests', to.id), 1)
    if (signed === undefined) return 'nothing to sign'
    made += 1
    const [config = null] = pickSome(await some('links', to.id), 1)
    const tags = random.chance(0.5) ? [`${signed.replace(':', '-')}.sig`] : []
    const subject = tags.length === 0 ? signed : null
    const push = { ...to, config, subject, tags, ...lease }
    await content.put(content.manifest(`signature ${made}`, push))
    return `sign ${signed.slice(7, 12)} in ${to.id}`
  }
  const remove = async () => {
    const to = target()
    const [digest] = pickSome(await some('manifests', to.id), 1)
    if (digest === undefined) return 'nothing to delete'
    await db.write(deleteManifest, { repositoryId: to.id, digest, ...lease })
    return `delete ${digest.slice(7, 12)} of ${to.id}`
  }
  const removeLink = async () => {
    const { id: repositoryId } = target()
    const digest = digestFor(random.pick(blobNames))
    await db.write(deleteLink, { repositoryId, digest, by: 'ann' })
    return `delete a blob of ${repositoryId}`
  }
  const untag = async () => {
    const { id: repositoryId } = target()
    await db.write(deleteTag, { repositoryId, tag: random.pick(tagNames), by: 'ann' })
    return `delete a tag of ${repositoryId}`
  }
  const tag = async () => {
    const { id: repositoryId } = target()
    const [digest = 'none'] = pickSome(await some('manifests', repositoryId), 1)
    const name = random.pick(tagNames)
    const move = { repositoryId, tag: name, digest, mayOverwrite: true, by: 'ann' }
    await db.write(createTag, move)
    return `tag as ${name} in ${repositoryId}`
  }
  const cleanUp = async () => {
    await cleanLinksAndBlobs(content)
    return 'clean up links and blobs'
  }
  /** The more there is, the longer adding up takes, and the less it shows. */
  const orRemove = (play: () => Promise<string>) => async () => {
    const { n } = await db.read
      .selectFrom('manifests')
      .select((eb) => eb.fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow()
    return n > maxManifests ? await remove() : await play()
  }
  const puts = [put, put, put, put, putIndex, putSignature].map(orRemove)
  const plays = [
    ...[commit, commit, commit, commit, mount, mount, ...puts],
    ...[remove, remove, remove, removeLink, untag, tag, cleanUp],
  ]

  /** Asks what would be freed, then does it, and looks. */
  const checkFreed = async (story: string) => {
    await cleanAll(content)
    const to = target()
    const { id: repositoryId } = to
    if (random.chance(0.2)) {
      const expected = await measureRepository({ db }, repositoryId)
      const before = await storedBytes(content)
      await empty(content, repositoryId)
      expect(before - (await storedBytes(content)), story).toBe(expected)
      return
    }
    const digests = pickSome(await some('manifests', repositoryId), 2)
    const tags = random.chance(0.5) ? pickSome(tagNames, 2) : []
    const { bytes } = await measureFreed({ db }, { repositoryId, digests, tags })
    const before = await storedBytes(content)
    await deleteNamed(content, { repositoryId, digests, tags })
    await cleanAll(content)
    expect(before - (await storedBytes(content)), `${story}\n${digests} ${tags}`).toBe(bytes)
  }
  return {
    checkFreed,
    play: async () => {
      try {
        return await random.pick(plays)()
      } catch (error) {
        if (error instanceof RegistryError) return `refused: ${error.message}`
        throw error
      }
    },
  }
}

async function storedBytes({ db }: DatabaseContent): Promise<number> {
  const rows = await db.read.selectFrom('blobs').select('size_bytes').execute()
  return sum(rows.map((row) => row.size_bytes))
}

/** As clean-up does once the grace time is over. */
async function cleanLinksAndBlobs({ run }: DatabaseContent) {
  await run(`delete from links where not exists (select 1 from manifest_blobs e
    where e.repository_id = links.repository_id and e.digest = links.digest)`)
  await run(`delete from blobs where not exists (select 1 from links l
    where l.store_id = blobs.store_id and l.digest = blobs.digest)`)
}

async function cleanAll(content: DatabaseContent) {
  const { db } = content
  for (;;) {
    const orphan = await db.read
      .selectFrom('manifests as m')
      .select(['m.repository_id', 'm.digest'])
      .where('m.orphaned_since', 'is not', null)
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('tags').select('name').whereRef('manifest_id', '=', 'm.id'))),
      )
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('manifest_children').select('parent_id').whereRef('child_id', '=', 'm.id'),
          ),
        ),
      )
      .limit(1)
      .executeTakeFirst()
    if (!orphan) break
    const { repository_id: repositoryId, digest } = orphan
    await db.write(deleteManifest, { repositoryId, digest, ...lease })
  }
  await cleanLinksAndBlobs(content)
}

/** Images that an index lists are refused until it is gone. */
async function deleteNamed(
  { db }: DatabaseContent,
  named: { repositoryId: number; digests: readonly string[]; tags: readonly string[] },
) {
  const { repositoryId, digests, tags } = named
  const tagged = await Promise.all(
    tags.map((tag) =>
      db.read
        .selectFrom('tags')
        .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
        .select(['manifests.digest', 'manifests.id', 'manifests.subject'])
        .where('tags.repository_id', '=', repositoryId)
        .where('tags.name', '=', tag)
        .executeTakeFirst(),
    ),
  )
  for (const tag of tags) await db.write(deleteTag, { repositoryId, tag, by: 'ann' })
  const tryDelete = async (digest: string) => {
    await db.write(deleteManifest, { repositoryId, digest, ...lease }).catch((error: unknown) => {
      if (!(error instanceof RegistryError)) throw error
    })
  }
  for (let round = 0; round < digests.length; round += 1) {
    for (const digest of digests) await tryDelete(digest)
  }
  for (const image of tagged.flatMap((each) => each ?? [])) {
    const left = await db.read
      .selectFrom('tags')
      .select('name')
      .where('manifest_id', '=', image.id)
      .execute()
    const subject = await db.read
      .selectFrom('manifests')
      .select('id')
      .where('repository_id', '=', repositoryId)
      .where('digest', '=', image.subject ?? '')
      .execute()
    if (left.length === 0 && subject.length === 0) await tryDelete(image.digest)
  }
}

async function empty(content: DatabaseContent, repositoryId: number) {
  const { db } = content
  for (;;) {
    const root = await db.read
      .selectFrom('manifests as m')
      .select('m.digest')
      .where('m.repository_id', '=', repositoryId)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('manifest_children').select('parent_id').whereRef('child_id', '=', 'm.id'),
          ),
        ),
      )
      .limit(1)
      .executeTakeFirst()
    if (!root) break
    await db.write(deleteManifest, { repositoryId, digest: root.digest, ...lease })
  }
  await cleanAll(content)
}
