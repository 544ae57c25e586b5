import { describe, expect, test } from 'vitest'
import {
  addContent,
  contentWrites,
  type DatabaseContent,
  digestFor,
  hourMs,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { type Random, seededRandom } from '../../test/support/random.ts'
import { isRefusal } from '../domain/errors.ts'
import { mountBlob } from './blobs.ts'
import { updateFeed } from './feeds.ts'
import { deleteLink } from './links.ts'
import { deleteManifest } from './manifest-deletion.ts'
import { findRoom, hasDamagedBlob } from './quotas.ts'
import { foldSizes } from './size-folding.ts'
import { commitUpload } from './uploads.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))

/** What the feed and its repositories have, row by row. */
async function addUp({ db, feedId }: Pick<DatabaseContent, 'db' | 'feedId'>) {
  const blobs = await db.read
    .selectFrom('links')
    .innerJoin('repositories', 'repositories.id', 'links.repository_id')
    .innerJoin('blobs', (join) =>
      join
        .onRef('blobs.store_id', '=', 'links.store_id')
        .onRef('blobs.digest', '=', 'links.digest'),
    )
    .select(['repositories.name', 'links.digest', 'blobs.size_bytes as bytes'])
    .where('repositories.feed_id', '=', feedId)
    .execute()
  const manifests = await db.read
    .selectFrom('manifests')
    .innerJoin('repositories', 'repositories.id', 'manifests.repository_id')
    .select(['repositories.name', 'manifests.size_bytes as bytes'])
    .where('repositories.feed_id', '=', feedId)
    .execute()
  const once = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
  const of = (name: string) =>
    [...blobs, ...manifests].filter((each) => each.name === name).reduce(add, 0)
  return { feed: [...once, ...manifests].reduce(add, 0), of }
}

function add(sum: number, { bytes }: { readonly bytes: number }): number {
  return sum + bytes
}

/** Pushes of blobs whose sizes follow from their names. */
function pusher(content: DatabaseContent) {
  const sizeOf = (name: string) => 100 + (Number.parseInt(digestFor(name).slice(7, 11), 16) % 900)
  return {
    sizeOf,
    async blob(name: string, repository: string, sizeBytes = sizeOf(name)) {
      const upload = await content.startUpload({ repository })
      const blob = { digest: digestFor(name), sizeBytes, graceMs: hourMs }
      return content.db.write(commitUpload, { ...upload, ...blob })
    },
    async mount(name: string, from: string, repository: string) {
      const { feedId, storeId } = content
      const sourceRepositoryId = await content.repositoryId(from)
      const blob = { storeId, digest: digestFor(name), graceMs: hourMs }
      return content.db.write(mountBlob, { feedId, repository, sourceRepositoryId, ...blob })
    },
    setQuota: (row: { quota_bytes?: number | null; repository_quota_bytes?: number | null }) =>
      content.db.write(updateFeed, { id: content.feedId, row, by: 'ann' }),
    roomIn: (repository: string, digest: string | null = null) =>
      findRoom(content.db.read, { feedId: content.feedId, repository, digest }),
  }
}

describeDatabases(`quotas (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  const start = async () => {
    const content = await addContent(await databases.open({ writes: contentWrites }))
    return { content, push: pusher(content) }
  }
  const over = (of: string) =>
    expect.objectContaining({ code: 'QUOTA_EXCEEDED', detail: expect.objectContaining({ of }) })

  test('of a feed take each blob once, and what fits to the last byte', async () => {
    const { content, push } = await start()
    await push.setQuota({ quota_bytes: 1000 })
    await push.blob('a', 'one', 600)
    await push.blob('a', 'two', 600)
    await push.mount('a', 'one', 'three')
    await expect(push.blob('b', 'two', 401)).rejects.toThrow(
      'The quota of this registry is 1.00 kB and 600 bytes are used, so 401 bytes more do not fit: delete images, whose room comes back with the clean-up, or ask an administrator for a larger quota.',
    )
    await push.blob('b', 'two', 400)
    await expect(push.blob('c', 'two', 1)).rejects.toEqual(over('registry'))
    expect((await push.roomIn('two'))?.uses).toEqual([
      { of: 'registry', quotaBytes: 1000, usedBytes: 1000 },
    ])
    const { feedId } = content
    await content.db.write(foldSizes, { limit: 1000 })
    await expect(push.blob('c', 'two', 1)).rejects.toEqual(over('registry'))
    await push.blob('b', 'one', 400)
    expect((await addUp({ ...content, feedId })).feed).toBe(1000)
  })

  test('of repositories count each on its own, the own one before the default', async () => {
    const { content, push } = await start()
    await push.setQuota({ repository_quota_bytes: 500 })
    await push.blob('a', 'one', 500)
    await push.blob('a', 'two', 500)
    await expect(push.blob('b', 'one', 1)).rejects.toEqual(over('repository'))
    await expect(push.mount('a', 'one', 'two')).resolves.toBe(true)
    await push.blob('c', 'three', 300)
    await expect(push.mount('a', 'one', 'three')).rejects.toEqual(over('repository'))
    const id = await content.repositoryId('three')
    await content.run(`update repositories set quota_bytes = 800 where id = ${id}`)
    await push.mount('a', 'one', 'three')
    expect(await push.roomIn('three', digestFor('a'))).toEqual({
      uses: [{ of: 'repository', quotaBytes: 800, usedBytes: 800 }],
      isInRepository: true,
      isInFeed: true,
    })
    expect((await push.roomIn('nobody'))?.uses).toEqual([
      { of: 'repository', quotaBytes: 500, usedBytes: 0 },
    ])
  })

  test('refuse no push of what is there, no tag, and no deletion', async () => {
    const { content, push } = await start()
    const image = await content.pushImage('image', { tags: ['one'] })
    await push.setQuota({ quota_bytes: 1, repository_quota_bytes: 1 })
    await content.pushImage('image', { tags: ['two'] })
    await expect(content.put(content.manifest('other'))).rejects.toEqual(over('repository'))
    await expect(content.put(content.manifest('other', { repository: 'b' }))).rejects.toEqual(
      over('repository'),
    )
    await push.setQuota({ repository_quota_bytes: null })
    await expect(content.put(content.manifest('other', { repository: 'b' }))).rejects.toEqual(
      over('registry'),
    )
    const repositoryId = await content.repositoryId('app')
    const digest = digestFor('image-layer')
    expect(await hasDamagedBlob(content.db.read, { ...content, repository: 'app' })).toBe(false)
    await content.run(`update blobs set state = 'damaged' where digest = '${digest}'`)
    expect(await hasDamagedBlob(content.db.read, { ...content, repository: 'app' })).toBe(true)
    expect(await hasDamagedBlob(content.db.read, { ...content, repository: 'b' })).toBe(false)
    await content.pushBlob('image-layer')
    // As FeedMove brings it to another store.
    await content.pushBlob('image-config', { storeId: await content.addStore() })
    await content.db.write(deleteManifest, {
      ...{ repositoryId, digest: image, graceMs: hourMs, by: 'ann' },
    })
    await content.db.write(deleteLink, { repositoryId, digest, by: 'ann' })
    await push.setQuota({ quota_bytes: 14 })
    await content.pushBlob('image-layer')
    await expect(content.pushBlob('more')).rejects.toEqual(over('registry'))
  })

  describe('while many push, delete and add up at once', () => {
    test.each([1, 2])('are never passed, and let in what fits (%i)', async (round) => {
      const random = seededRandom(seed + round)
      const { content, push } = await start()
      const names = Array.from({ length: 30 }, (_, at) => `blob ${at}`)
      const repositories = ['r0', 'r1', 'r2', 'r3']
      const total = names.reduce((sum, name) => sum + push.sizeOf(name), 0)
      const quota = { feed: Math.floor(total * 0.6), repository: Math.floor(total * 0.35) }
      await push.setQuota({ quota_bytes: quota.feed, repository_quota_bytes: quota.repository })
      const outcomes: string[] = []
      const play = async (own: Random) => {
        for (let step = 0; step < 15; step += 1) {
          const at = { name: own.pick(names), repository: own.pick(repositories) }
          outcomes.push(
            await playOne(own.pick(plays), content, { ...at, from: own.pick(repositories) }),
          )
        }
      }
      for (const repository of repositories) await push.blob('blob 0', repository)
      for (let turn = 0; turn < 4; turn += 1) {
        await Promise.all(
          Array.from({ length: 8 }, (_, at) => play(seededRandom(random.between(0, 1e9) + at))),
        )
        const sums = await addUp(content)
        expect(sums.feed).toBeLessThanOrEqual(quota.feed)
        for (const repository of repositories) {
          expect(sums.of(repository)).toBeLessThanOrEqual(quota.repository)
          expect((await push.roomIn(repository))?.uses).toEqual([
            { of: 'repository', quotaBytes: quota.repository, usedBytes: sums.of(repository) },
            { of: 'registry', quotaBytes: quota.feed, usedBytes: sums.feed },
          ])
        }
        await expectWhatFits(content, push, { quota, names, repositories })
      }
      expect(outcomes.filter((each) => each === 'done').length).toBeGreaterThan(50)
      expect(outcomes).toContain('refused')
    })
  })

  test('let in exactly as many at once as fit', async () => {
    const { content, push } = await start()
    await push.setQuota({ quota_bytes: 5 * 100 + 99 })
    const pushes = Array.from({ length: 12 }, (_, at) => push.blob(`blob ${at}`, `r${at}`, 100))
    const results = await Promise.allSettled(pushes)
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    expect((await addUp(content)).feed).toBe(500)
  })
})

interface Play {
  readonly name: string
  readonly repository: string
  readonly from: string
}

type Playing = (content: DatabaseContent, play: Play) => Promise<unknown>

const push: Playing = (content, { name, repository }) => pusher(content).blob(name, repository)

const plays: readonly Playing[] = [
  ...[push, push, push, push],
  (content, { name, repository, from }) => pusher(content).mount(name, from, repository),
  (content, { name, repository }) => content.put(content.manifest(name, { repository })),
  (content) => content.db.write(foldSizes, { limit: 7 }),
  async (content, { name, repository }) => {
    const repositoryId = await content.repositoryId(repository)
    await content.db.write(deleteLink, { repositoryId, digest: digestFor(name), by: 'ann' })
  },
]

async function playOne(playing: Playing, content: DatabaseContent, play: Play): Promise<string> {
  try {
    await playing(content, play)
    return 'done'
  } catch (error) {
    return isRefusal(error, 'QUOTA_EXCEEDED') ? 'refused' : String(error)
  }
}

/** With nobody else there: refused is what does not fit, and nothing else. */
async function expectWhatFits(
  content: DatabaseContent,
  push: ReturnType<typeof pusher>,
  {
    quota,
    names,
    repositories,
  }: {
    readonly quota: { readonly feed: number; readonly repository: number }
    readonly names: readonly string[]
    readonly repositories: readonly string[]
  },
): Promise<void> {
  for (const [at, name] of names.slice(0, 8).entries()) {
    const repository = repositories[at % repositories.length] ?? ''
    const before = await addUp(content)
    const room = await push.roomIn(repository, digestFor(name))
    const size = push.sizeOf(name)
    const fits =
      (room?.isInRepository || before.of(repository) + size <= quota.repository) &&
      (room?.isInFeed || before.feed + size <= quota.feed)
    const outcome = await push.blob(name, repository).catch((error: unknown) => error)
    expect(isRefusal(outcome, 'QUOTA_EXCEEDED')).toBe(!fits)
  }
}
