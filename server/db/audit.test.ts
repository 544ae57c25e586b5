import { beforeAll, expect, test } from 'vitest'
import { type DatabaseContent, openContent } from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { seededRandom } from '../../test/support/random.ts'
import { type AuditPage, type AuditRecord, listEvents } from './audit.ts'

const kinds = ['feed-group.created', 'feed.changed', 'feed.created', 'key.created', 'login.failed']
const everything = { before: null, kind: null, by: null, feedId: null, from: null, to: null }

describeDatabases('the audit', (databases) => {
  let content: DatabaseContent
  let all: readonly AuditRecord[]
  const seed = Date.now() % 1_000_000
  beforeAll(async () => {
    content = await openContent(databases)
    await content.run('delete from events')
    const random = seededRandom(seed)
    for (let count = 0; count < 300; count += 1) {
      // Several at one time, and now and then a clock that goes back.
      const at = 1000 + Math.floor(count / 4) - random.between(0, 3)
      const feedId = random.chance(0.3) ? content.feedId : 'null'
      const by = random.pick(['ann', 'ben'])
      await content.run(`insert into events (at, kind, "by", feed_id, repository, detail, address)
        values (${at}, '${random.pick(kinds)}', '${by}', ${feedId}, null, '{}', null)`)
    }
    all = await listEvents(content.db.read, { ...everything, count: 1000 })
  })

  async function listByPages(filter: Partial<AuditPage>, count: number): Promise<number[]> {
    const ids: number[] = []
    for (let before: number | null = null; ; ) {
      const page = await listEvents(content.db.read, { ...everything, ...filter, before, count })
      ids.push(...page.map(({ id }) => id))
      const last = page.at(-1)
      if (last === undefined || page.length < count) return ids
      before = last.id
    }
  }

  test('is read by time, the newest first', () => {
    expect(all).toHaveLength(300)
    const sorted = [...all].sort((a, b) => b.at - a.at || b.id - a.id)
    expect(all.map(({ id }) => id)).toEqual(sorted.map(({ id }) => id))
  })

  const filters: readonly Partial<AuditPage>[] = [
    {},
    { kind: '*' },
    { kind: 'feed.created' },
    { kind: 'feed.*' },
    { kind: 'feed*' },
    { kind: 'none.*' },
    { by: 'ann' },
    { from: 1030 },
    { to: 1030 },
    { from: 1020, to: 1050, by: 'ben' },
    { kind: 'feed*', by: 'ann', from: 1010, to: 1060 },
  ]
  test.for(filters)('has every event of %o on one page and once', async (filter) => {
    const { kind, by, from, to } = { ...everything, ...filter }
    const isOfKind = (each: string) =>
      kind?.endsWith('*') ? each.startsWith(kind.slice(0, -1)) : each === kind
    const expected = all
      .filter((event) => kind === null || isOfKind(event.kind))
      .filter((event) => by === null || event.by === by)
      .filter(({ at }) => (from === null || at >= from) && (to === null || at < to))
      .map(({ id }) => id)
    for (const count of [1, 7, 100]) {
      expect(await listByPages(filter, count), `seed ${seed}`).toEqual(expected)
    }
  })

  test('of one registry has that registry’s alone', async () => {
    const ids = await listByPages({ feedId: content.feedId }, 9)
    const expected = all.filter(({ feed }) => feed !== null).map(({ id }) => id)
    expect(ids).toEqual(expected)
  })

  test('goes on with older ones after an event that was removed since', async () => {
    const oldest = Math.min(...all.map(({ id }) => id))
    const page = { ...everything, before: oldest - 1, count: 10 }
    expect(await listEvents(content.db.read, page)).toEqual([])
    const newest = Math.max(...all.map(({ id }) => id))
    const first = await listEvents(content.db.read, { ...page, before: newest + 1 })
    expect(first.map(({ id }) => id)).toEqual(all.slice(0, 10).map(({ id }) => id))
  })
})
