import { beforeAll, beforeEach, expect, test } from 'vitest'
import {
  addContent,
  contentWrites,
  type DatabaseContent,
  hourMs,
} from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import type { Db } from '../db/database.ts'
import { insertRetentionRule } from '../db/retention-rules.ts'
import { createTag } from '../db/tags.ts'
import type { RetentionRule } from '../domain/retention-rule.ts'
import { previewRetention, type RetentionItem, runRetention } from './retention.ts'
import { checkRule, listRules, type RuleFields } from './retention-rules.ts'
import { foldAllSizes } from './sizes.ts'

const by = { name: 'tests', address: null }
/** Nothing is promised for longer than a moment. */
const pushed = { graceMs: -1000 }

describeDatabases('retention', (databases) => {
  let db: Db
  let content: DatabaseContent
  beforeAll(async () => {
    db = await databases.open({ writes: contentWrites })
  })
  beforeEach(async () => {
    content = await addContent(db)
  })

  const addRule = (fields: RuleFields) => {
    const { enabled, ...criteria } = checkRule(fields)
    const { feedId } = content
    return content.db.write(insertRetentionRule, { feedId, enabled, criteria, by })
  }
  const run = async (
    options: { dryRun?: boolean; onItem?: (item: RetentionItem) => void } = {},
  ) => {
    const items: RetentionItem[] = []
    const onItem = (item: RetentionItem) => {
      items.push(item)
      options.onItem?.(item)
    }
    const { feedId } = content
    const dryRun = options.dryRun ?? false
    const counts = await runRetention({ db, graceMs: () => 0 }, { feedId, dryRun, onItem })
    return { counts, items: items.map(shown) }
  }
  const shown = ({ outcome, repository, tag, digest, of }: RetentionItem) =>
    `${outcome} ${repository} ${tag ?? 'image'} ${digest.slice(7, 13)}${of === null ? '' : ' (of)'}`
  const preview = async (count: number, rules?: readonly RetentionRule[]) => {
    const { db, feedId } = content
    const found: RetentionItem[] = []
    let after: string | null = ''
    for (let pages = 0; after !== null; pages += 1) {
      expect(pages).toBeLessThan(100)
      const page = await previewRetention(
        { db },
        { feedId, rules: rules ?? (await listRules({ db }, feedId)) },
        { after, count },
      )
      expect(page.items.length).toBeLessThanOrEqual(count)
      found.push(...page.items)
      after = page.next
    }
    return found
  }
  const tagsLeft = async () =>
    (
      await content.db.read
        .selectFrom('tags')
        .innerJoin('repositories', 'repositories.id', 'tags.repository_id')
        .select(['repositories.name as repository', 'tags.name'])
        .where('repositories.feed_id', '=', content.feedId)
        .orderBy('repositories.name')
        .orderBy('tags.name')
        .execute()
    ).map(({ repository, name }) => `${repository}:${name}`)

  test('removes exactly what its preview named, by which rule, and counts it', async () => {
    for (const [repository, tags] of [
      ['app', ['pr-1', 'pr-2', 'latest']],
      ['other', ['pr-3', 'v1']],
    ] as const) {
      for (const tag of tags) {
        await content.pushImage(`${repository} ${tag}`, { repository, tags: [tag], ...pushed })
      }
    }
    await content.pushImage('untagged', pushed)
    const two = await content.pushImage('two tags', { tags: ['pr-4', 'kept'], ...pushed })
    const first = await addRule({ tags: ['pr-*'], keepTags: ['pr-2'] })
    const second = await addRule({ deletes: 'untagged', keepRepositories: ['other'] })
    await addRule({ tags: ['*'], enabled: false })

    const rules = (await listRules(content, content.feedId)).filter(({ enabled }) => enabled)
    const named = await preview(2, rules)
    expect(named.map(shown).toSorted()).toEqual((await preview(100, rules)).map(shown).toSorted())
    const dry = await run({ dryRun: true })
    const before = await tagsLeft()
    const real = await run()
    const asPreviewed = named.filter(({ outcome }) => outcome !== 'stays').map(shown)
    expect(dry.items.toSorted()).toEqual(asPreviewed.toSorted())
    expect(real.items.toSorted()).toEqual(
      asPreviewed.map((text) => text.replace('goes', 'removed')).toSorted(),
    )
    expect(named.filter(({ outcome }) => outcome === 'stays')).toEqual([
      expect.objectContaining({ tag: 'pr-2', rule: first, reason: 'the tag is pr-2' }),
    ])
    expect(before).toHaveLength(7)
    expect(await tagsLeft()).toEqual(['app:kept', 'app:latest', 'app:pr-2', 'other:v1'])
    expect(real.counts).toEqual([
      { rule: first, tags: 3, images: 2, followers: 0, changed: 0, failed: 0 },
      { rule: second, tags: 0, images: 1, followers: 0, changed: 0, failed: 0 },
    ])
    await content.head(two)
    expect((await run()).items).toEqual([])
  })

  test('lets children, referrers and signatures follow, which become orphans', async () => {
    const child = await content.pushImage('child', pushed)
    const config = await content.pushBlob('index-config')
    const index = await content.put(
      content.manifest('index', { children: [child], tags: ['v1'], ...pushed }),
    )
    await content.put(content.manifest('sbom', { config, subject: index, ...pushed }))
    const tag = `${index.replace(':', '-')}.sig`
    await content.put(content.manifest('signature', { config, tags: [tag], ...pushed }))
    await addRule({ deletes: 'untagged' })
    expect((await run()).items).toEqual([])
    await addRule({ tags: ['v*'] })
    const { items, counts } = await run()
    expect(items.map((text) => text.split(' ')[0])).toEqual([
      ...['removed', 'removed', 'follows', 'follows', 'follows', 'follows'],
    ])
    expect(counts[1]).toMatchObject({ tags: 1, images: 1, followers: 4 })
    expect(await tagsLeft()).toEqual([])
    const orphans = await content.db.read
      .selectFrom('manifests')
      .select('digest')
      .where('repository_id', '=', await content.repositoryId('app'))
      .where('orphaned_since', 'is not', null)
      .execute()
    expect(orphans).toHaveLength(3)
  })

  test('leaves what somebody holds, or has pushed, moved or asked for since it was judged', async () => {
    for (const name of ['held', 'moved', 'pushed', 'tagged', 'gone', 'plain']) {
      await content.pushImage(name, { tags: [name], ...pushed })
    }
    await content.pushImage('held', { tags: ['held'] })
    await addRule({ tags: ['*'] })
    const { feedId } = content
    const repositoryId = await content.repositoryId('app')
    const tagged = await content.pushImage('tagged', { tags: ['tagged'], ...pushed })
    const items: RetentionItem[] = []
    const meddle = async () => {
      await content.pushImage('other', { tags: ['moved'], ...pushed })
      await content.pushImage('pushed', { tags: ['pushed'], graceMs: hourMs })
      await db.write(createTag, {
        ...{ repositoryId, tag: 'second', digest: tagged },
        ...{ mayOverwrite: true, by: 'ann' },
      })
      await content.run(`delete from tags where name = 'gone'`)
    }
    // What a run writes comes after everything of the repository was judged.
    let meddled: Promise<void> | undefined
    const meddling = {
      ...db,
      read: db.read,
      write: async (...call: Parameters<typeof db.write>) => {
        meddled ??= meddle()
        await meddled
        return db.write(...call)
      },
    } as typeof db
    const counts = await runRetention(
      { db: meddling, graceMs: () => 0 },
      { feedId, dryRun: false, onItem: (item) => items.push(item) },
    )
    const outcomes = new Map(items.map(({ tag, outcome }) => [tag ?? 'image', outcome]))
    expect(outcomes.get('moved')).toBe('changed')
    expect(outcomes.get('pushed')).toBe('changed')
    expect(outcomes.get('tagged')).toBe('changed')
    expect(outcomes.get('plain')).toBe('removed')
    expect(outcomes.has('held')).toBe(false)
    expect(await tagsLeft()).toEqual(
      ['held', 'moved', 'pushed', 'second', 'tagged'].map((tag) => `app:${tag}`),
    )
    expect(counts[0]).toMatchObject({ failed: 0 })
  })

  test('goes on after an item that fails, and counts it', async () => {
    for (const name of ['a', 'b', 'c']) await content.pushImage(name, { tags: [name], ...pushed })
    const bad = await content.pushImage('bad', { tags: ['bad'], ...pushed })
    const { id } = await content.head(bad)
    // A row that no write of the server makes: the image cannot be deleted.
    await content.run(`insert into wanted (manifest_id, repository_id, digest, role)
      select ${id}, repository_id, 'x', 'child' from manifests where id = ${id}`)
    await content.run(
      databases.dialect === 'sqlite'
        ? `create trigger broken before delete on wanted begin select raise(abort, 'broken'); end`
        : `create rule broken as on delete to wanted do instead nothing`,
    )
    await addRule({ tags: ['*'] })
    const errors: unknown[] = []
    const { counts } = await run({ onItem: ({ error }) => error && errors.push(error) })
    await content.run(
      databases.dialect === 'sqlite' ? 'drop trigger broken' : 'drop rule broken on wanted',
    )
    expect(counts[0]).toMatchObject({ tags: 3, images: 3, failed: 2 })
    expect(errors).toHaveLength(2)
    expect(await tagsLeft()).toEqual(['app:bad'])
  })

  test('by size takes the oldest of all repositories, until what is left is small enough', async () => {
    const repositories = ['a', 'b', 'c']
    for (const [at, repository] of repositories.entries()) {
      for (const age of [1, 2]) {
        const digest = await content.pushImage(`${repository}${age}`, {
          ...{ repository, tags: [`t${age}`] },
          ...pushed,
        })
        await content.run(
          `update tags set updated_at = updated_at - ${(age * 10 + at) * 86_400_000}
           where manifest_id = (select id from manifests where digest = '${digest}')`,
        )
      }
    }
    // Each image has two blobs of seven bytes; 84 in all.
    await addRule({ tags: ['*'], size: { overBytes: 84 - 3 * 14, of: 'matching' } })
    const { items } = await run()
    expect(items.filter((text) => !text.includes('image'))).toHaveLength(3)
    expect(await tagsLeft()).toEqual(['a:t1', 'b:t1', 'c:t1'])
    expect((await run()).items).toEqual([])
  })

  test('by the size of the registry takes nothing while that is small enough', async () => {
    for (const name of ['a', 'b']) await content.pushImage(name, { tags: [name], ...pushed })
    const rule = { tags: ['*'], size: { overBytes: 28, of: 'feed' as const } }
    expect(await preview(10, [{ ...checkRule(rule), id: 1 }])).toEqual([])
    await foldAllSizes(content)
    const smaller = { ...rule, size: { ...rule.size, overBytes: 27 } }
    const found = await preview(10, [{ ...checkRule(smaller), id: 1 }])
    expect(found.map(({ tag }) => tag)).toEqual([null, expect.stringMatching(/^[ab]$/)])
  })

  test('counts nothing as unused before pulls are counted, then what was not pulled', async () => {
    const one = await content.pushImage('one', { tags: ['one'], ...pushed })
    await content.pushImage('two', { tags: ['two'], ...pushed })
    const old = `- ${40 * 86_400_000}`
    await content.run(`update tags set updated_at = updated_at ${old}`)
    await addRule({ tags: ['*'], notPulledForDays: 30 })
    expect((await run({ dryRun: true })).items).toEqual([])
    const since = new Date(Date.now() - 50 * 86_400_000).toISOString()
    await content.run(
      `update kysely_migration set timestamp = '${since}' where name = '005-browsing'`,
    )
    const { id } = await content.head(one)
    await content.run(`insert into manifest_pulls (manifest_id, pulls, last_pulled_at)
      values (${id}, 3, now_ms() - 86400000)`)
    expect((await run({ dryRun: true })).items.map((text) => text.split(' ')[2])).toEqual([
      ...['two', 'image'],
    ])
  })
})
