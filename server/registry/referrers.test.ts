import type { KyselyPlugin } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  openContent,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import type { Db } from '../db/database.ts'
import { parseDigest } from '../domain/digest.ts'
import { parseRepositoryName } from '../domain/reference.ts'
import { createFeed, type Feed } from './feeds.ts'
import { pageReferrers, type ReferrersQuery } from './referrers.ts'

const pageBytes = 3 * 1024 * 1024
const rowBytes = 4 * 1024 * 1024

describeDatabases('referrers with large annotations', (databases) => {
  let content: DatabaseContent
  let feed: Feed
  let query: ReferrersQuery
  const annotationsOf = new Map<string, string | null>()
  const repository = parseRepositoryName('app')
  const subject = parseDigest(digestFor('subject'))
  beforeAll(async () => {
    content = await openContent(databases)
    const { db, storeId } = content
    feed = await createFeed({ db, storeId, by: 'ann' }, { name: 'big' })
    query = { feed, repository, subject, artifactType: null }
    // A multiple of what fits a page, small ones between the large.
    const sizes = [
      ...Array.from({ length: 8 }, () => rowBytes - 1000),
      ...Array.from({ length: 8 }, () => 1_000_000),
      ...Array.from({ length: 140 }, (_, i) => i * 10),
      0,
    ]
    for (const [i, size] of sizes.entries()) {
      // Two bytes a character: what counts are bytes.
      const annotations = size === 0 ? null : JSON.stringify({ fat: 'é'.repeat(size / 2) })
      const digest = await content.put(
        content.manifest(`referrer ${i}`, {
          ...{ feedId: feed.id, repository, subject, annotations },
          artifactType: size === 1_000_000 ? 'a/million' : 'a/other',
        }),
      )
      annotationsOf.set(digest, annotations)
    }
  })

  const walk = async (artifactType: string | null, count: number) => {
    const pages = []
    for (let after: string | null = ''; after !== null; ) {
      const watch = watching(content.db)
      const page: Awaited<ReturnType<typeof pageReferrers>> = await pageReferrers(
        { db: watch.db },
        { ...query, artifactType },
        { after, count },
      )
      pages.push({ ...page, annotationBytesRead: watch.bytesRead() })
      after = page.next
    }
    return pages
  }

  test('come in pages that fit an answer, each once, as they are', async () => {
    const pages = await walk(null, 1000)
    for (const { items } of pages) {
      const bytes = items.reduce((sum, { annotations }) => sum + bytesOf(annotations), 0)
      expect(items.length).toBeGreaterThan(0)
      if (items.length > 1) expect(bytes).toBeLessThan(pageBytes)
    }
    const all = pages.flatMap(({ items }) => items)
    expect(all.map(({ digest }) => digest)).toEqual([...annotationsOf.keys()].sort())
    for (const { digest, annotations } of all) {
      expect(annotations === annotationsOf.get(digest), digest).toBe(true)
    }
  })

  test('are read one page at a time: nothing that does not go into the answer', async () => {
    for (const { items, annotationBytesRead } of await walk(null, 1000)) {
      const bytes = items.reduce((sum, { annotations }) => sum + bytesOf(annotations), 0)
      expect(annotationBytesRead).toBe(bytes)
    }
  })

  describe('when asked for a few', () => {
    test.each([1, 2, 7])('%i at a time, come so many at the most', async (count) => {
      const pages = await walk('a/million', count)
      const all = pages.flatMap(({ items }) => items.map(({ digest }) => digest))
      expect(all).toHaveLength(8)
      expect(new Set(all).size).toBe(8)
      for (const { items } of pages) expect(items.length).toBeLessThanOrEqual(Math.min(count, 3))
    })

    test('none are read for n=0', async () => {
      const page = await pageReferrers(content, query, { after: '', count: 0 })
      expect(page).toEqual({ items: [], next: null })
    })
  })
})

function bytesOf(text: string | null): number {
  return Buffer.byteLength(text ?? '')
}

/** The same database, counting the bytes of annotations that are read. */
function watching(db: Db) {
  let bytes = 0
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      for (const { annotations } of result.rows) {
        if (typeof annotations === 'string') bytes += Buffer.byteLength(annotations)
      }
      return result
    },
  }
  const watched: Db = {
    dialect: db.dialect,
    read: db.read.withPlugin(plugin),
    write: (write, input) => db.write(write, input),
    copyTo: (file) => db.copyTo(file),
    examine: (order) => db.examine(order),
    check: () => db.check(),
    [Symbol.asyncDispose]: async () => {},
  }
  return { db: watched, bytesRead: () => bytes }
}
