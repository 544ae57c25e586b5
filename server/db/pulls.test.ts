import { beforeAll, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { deleteManifest } from './manifest-deletion.ts'
import { dayOf, listFeedPulls, listRepositoryPulls, prunePulls, recordPulls } from './pulls.ts'
import { listTagRecords } from './tag-pages.ts'

const dayMs = 24 * 60 * 60 * 1000
const now = Date.UTC(2026, 5, 15, 12)

describeDatabases('pulls', (databases) => {
  let content: DatabaseContent
  const idOf = async (name: string) => (await content.head(digestFor(name))).id
  const record = (...pulls: Parameters<typeof recordPulls>[1]['pulls']) =>
    content.db.write(recordPulls, { pulls })
  const pull = (manifestId: number, byTag: number, byDigest: number, lastAt = now) => ({
    ...{ manifestId, byTag, byDigest, lastAt },
  })
  beforeAll(async () => {
    content = await openContent(databases)
    await content.pushImage('one', { tags: ['1'] })
    await content.pushImage('child')
    await content.put(content.manifest('list', { children: [digestFor('child')], tags: ['list'] }))
    await content.pushImage('signature', { subject: digestFor('one') })
  })

  test('add up, by manifest and by day', async () => {
    const [one, child, list] = await Promise.all(['one', 'child', 'list'].map(idOf))
    if (!one || !child || !list) throw new Error('no images')
    await record(pull(one, 2, 1), pull(list, 1, 0), pull(child, 0, 1))
    await record(pull(one, 1, 0, now - 3 * dayMs))
    // By its own tag an index's image counts.
    await record(pull(child, 1, 7))
    const repositoryId = await content.repositoryId('app')
    const found = await listRepositoryPulls(content.db.read, { repositoryId, since: 1 })
    const byDay = new Map(found.map(({ day, pulls }) => [day, Number(pulls)]))
    expect(byDay).toEqual(
      new Map([
        [0, 6],
        [dayOf(now), 5],
        [dayOf(now) - 3, 1],
      ]),
    )
    const ofFeed = await listFeedPulls(content.db.read, { feedId: content.feedId, since: 1 })
    expect(ofFeed.find(({ day }) => day === 0)).toMatchObject({ pulls: 6, lastAt: now })
    const rows = await listTagRecords(content.db.read, {
      ...{ repositoryId, sort: 'name', limit: 9, search: null, platform: null },
      span: { after: null, end: null, desc: false },
    })
    expect(rows.map(({ name, pulls, lastPulledAt }) => [name, pulls, lastPulledAt])).toEqual([
      ['1', 4, now],
      ['list', 1, now],
    ])
  })

  test('of what refers to an image, and of what is gone, are none', async () => {
    const before = await totals()
    await record(pull(await idOf('signature'), 0, 3), pull(987_654, 5, 5))
    expect(await totals()).toEqual(before)
  })

  test('go with their manifest, and stay in the sums', async () => {
    await content.pushImage('short', { tags: ['short'] })
    const id = await idOf('short')
    await record(pull(id, 3, 0))
    const before = await totals()
    const repositoryId = await content.repositoryId('app')
    const key = { repositoryId, digest: digestFor('short'), graceMs: 1000, by: 'ann' }
    await content.db.write(deleteManifest, key)
    await record(pull(id, 3, 0))
    expect(await totals()).toEqual(before)
  })

  test('of long ago are pruned by the day, but not their sum', async () => {
    const before = await totals()
    const pruned = await content.db.write(prunePulls, { before: dayOf(now) - 1, limit: 100 })
    expect(pruned).toBe(2)
    expect(await totals()).toEqual(before)
  })

  async function totals() {
    const found = await listFeedPulls(content.db.read, { feedId: content.feedId, since: 1_000_000 })
    return found
  }
})
