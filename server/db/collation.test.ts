import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { openContent } from '../../test/support/database-content.ts'
import { postgresDatabases } from '../../test/support/databases.ts'
import { listRepositories } from './repositories.ts'
import { createTag, listTags } from './tags.ts'

const missing = inject('postgresMissing')

describe.skipIf(missing !== '')(`a PostgreSQL that sorts as dictionaries do ${missing}`, () => {
  const databases = postgresDatabases()

  test('lists repositories and tags in byte order all the same', async () => {
    const url = await createDictionary()
    const content = await openContent({ ...databases, open: (o) => databases.open({ ...o, url }) })
    const { read } = content.db
    const { rows } = await sql<{ sorted: boolean }>`select 'a' < 'B' as sorted`.execute(read)
    expect(rows[0]?.sorted).toBe(true)
    const names = ['a', 'a-b', 'a--b', 'a.b', 'a/b', 'a0', 'a_b', 'ab', 'b', '0']
    for (const repository of names) await content.put(content.manifest('m', { repository }))
    const { feedId } = content
    expect(await listRepositories(read, { feedId, after: '', count: 100 })).toEqual(inBytes(names))
    const repositoryId = await content.repositoryId('a')
    const digest = await content.put(content.manifest('m', { repository: 'a' }))
    const tags = ['B', 'a', 'A', 'b', 'a-b', 'a.b', 'a_b', '_', '1.10', '1.9', 'Z', 'z']
    for (const tag of tags) {
      await content.db.write(createTag, { repositoryId, tag, digest, mayOverwrite: false, by: '' })
    }
    expect(await listTags(read, { repositoryId, after: '', count: 100 })).toEqual(inBytes(tags))
    const after = await listTags(read, { repositoryId, after: 'Z', count: 3 })
    expect(after).toEqual(['_', 'a', 'a-b'])
  })
})

function inBytes(names: readonly string[]): string[] {
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

async function createDictionary(): Promise<string> {
  const url = new URL(inject('postgresUrl'))
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  const name = `dictionary_${randomBytes(8).toString('hex')}`
  try {
    await client.query(`create database ${name} template template0 encoding 'UTF8'
      locale_provider icu icu_locale 'en-US' lc_collate 'C' lc_ctype 'C'`)
  } finally {
    await client.end()
  }
  url.pathname = `/${name}`
  return url.href
}
