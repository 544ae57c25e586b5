import { beforeAll, describe, expect, test } from 'vitest'
import {
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import {
  type ExplainedStatement,
  explainCall,
  listUnindexedKeys,
} from '../../test/support/database-plans.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { claimUpload, type UploadRecord } from './uploads.ts'

const rowCount = 20_000
const eventCount = 120_000

describeDatabases('with twenty thousand rows in each table', (databases) => {
  let content: DatabaseContent
  let upload: UploadRecord
  let big = 0
  beforeAll(async () => {
    content = await openContent(databases)
    const started = await content.startUpload({ repository: 'a-big' })
    big = started.repositoryId
    await fill(content, big)
    if (databases.dialect === 'postgres') await content.run('analyze')
    const config = await content.pushBlob('config', { repository: 'a-big' })
    await content.pushBlob('mountable')
    const child = await content.put(content.manifest('child', { repository: 'a-big', config }))
    const parent = { repository: 'a-big', children: [child], tags: ['moves'] }
    await content.put(content.manifest('parent', parent))
    await content.put(content.manifest('signature', { repository: 'a-big', subject: child }))
    upload = (await content.db.write(claimUpload, started)) ?? started
  }, 120_000)

  const explain = (name: string, input: unknown): Promise<ExplainedStatement[]> =>
    content.db.write(explainCall, { name, input })
  /** Looks things up, in every statement, and never goes through one of the big tables. */
  const expectIndexed = async (name: string, input: unknown) => {
    const explained = await explain(name, input)
    expect(explained.length).toBeGreaterThan(0)
    expect(explained.flatMap(scansOf)).toEqual([])
    return explained
  }
  const plansOf = (explained: readonly ExplainedStatement[]) =>
    explained.flatMap(({ plan }) => plan).join('\n')
  const at = () => ({ feedId: content.feedId, repository: 'a-big' })
  const key = () => ({ repositoryId: big, digest: 'b77' })
  const page = { after: '', count: 100 }
  const cleaning = () => ({ graceMs: hourMs, limit: 100, after: null, by: 'ann' })
  const freed = () => ({ ...cleaning(), storeId: content.storeId })
  const ofStore = () => ({ feedId: content.feedId, after: { storeId: 0, digest: '' } })
  const lease = { graceMs: hourMs, by: 'ann' }

  const up = { after: { value: 't5', name: 't5' }, end: null, desc: false }
  const down = { after: { value: 5, name: 't5' }, end: null, desc: true }
  const listed = { limit: 10, search: null }
  /** Lists of the pages, in the order of an index. */
  const sortedPages: readonly (readonly [string, object, 'repositoryId' | 'feedId'])[] = [
    ['listTagRecords', { ...listed, platform: null, sort: 'name', span: up }, 'repositoryId'],
    ['listTagRecords', { ...listed, platform: null, sort: 'version', span: up }, 'repositoryId'],
    ['listTagRecords', { ...listed, platform: null, sort: 'pushed', span: down }, 'repositoryId'],
    ['listRepositoryRows', { ...listed, since: 5, sort: 'name', span: up }, 'feedId'],
    ['listRepositoryRows', { ...listed, since: 5, sort: 'pushed', span: down }, 'feedId'],
  ]
  const pagesOfLists = sortedPages.map(([name, input, where]): [string, () => unknown] => [
    name,
    () => ({ ...input, [where]: where === 'feedId' ? content.feedId : big }),
  ])
  const otherLists: readonly [string, () => unknown][] = [
    ['findConfigBlob', () => 77],
    ['findManifestAhead', () => ({ repositoryId: big, before: 5000 })],
    ['findRepositoryAhead', () => ({ feedId: content.feedId, sort: 'pushed', span: down })],
    ['findRepositoryRow', () => ({ feedId: content.feedId, name: 'r77', since: 5 })],
    ['findTagAhead', () => ({ repositoryId: big, sort: 'version', span: up })],
    ['listBlobUses', () => ({ manifestId: 77, repositoryId: big })],
    ['listChildren', () => 77],
    ['listCounters', () => ({ feedId: content.feedId, ...page })],
    ['listDigestMoves', () => ({ repositoryId: big, digest: 'm77', before: null, count: 10 })],
    ['listFeedPulls', () => ({ feedId: content.feedId, since: 5 })],
    ['listParents', () => 77],
    ['listReferrerRows', () => ({ repositoryId: big, subject: 's7' })],
    ['listRepositoryPulls', () => ({ repositoryId: big, since: 5 })],
    ['listRetiredRepositories', () => undefined],
    ['listTagMoves', () => ({ repositoryId: big, tag: 't77', before: null, count: 10 })],
    ['listTagsOf', () => 77],
    ['listUnexamined', () => ({ after: 5, count: 10 })],
    ['listUntagged', () => ({ repositoryId: big, before: 500, from: 400, limit: 10 })],
    [
      'searchRepositories',
      () => ({ feedId: content.feedId, after: 'r1', count: 50, tag: 't1', digest: 'm1', limit: 3 }),
    ],
  ]

  const inStore = () => ({ storeId: content.storeId, feedId: content.feedId })
  const staged = () => ({ storeId: content.storeId, location: 's77' })
  /** Of stores in the cloud, and of registries that move. */
  const ofStores: readonly [string, () => unknown][] = [
    ['countStoredBlobs', () => ({ ...inStore(), limit: 1000 })],
    ['findDigestAhead', () => ({ storeId: content.storeId, after: 'b7', count: 500 })],
    ['findLiveBlob', () => ({ storeId: content.storeId, digest: 'b77' })],
    ['findStaging', staged],
    ['listFeedBlobs', () => ({ ...inStore(), after: 'b77', end: 'b78' })],
    ['listFormerStores', () => content.feedId],
    ['listStoresWithRemains', () => content.feedId],
    ['listHolders', () => ({ ...inStore(), digest: 'b77' })],
    ['listStaged', () => ({ storeId: content.storeId, locations: ['s77', 's78', 'x'] })],
    ['listStagings', () => ({ storeId: content.storeId, after: 's77', limit: 100 })],
  ]

  describe('no read goes through a table:', () => {
    const rows: readonly [string, () => unknown][] = [
      ['findCheckedTag', () => ({ manifestId: 77 })],
      ...ofStores,
      ['findFeedByKey', () => 'n77'],
      ['findImageOrigin', () => ({ repositoryId: big, digest: 'm77' })],
      ['findManifestOrigin', () => ({ repositoryId: big, digest: 'm77' })],
      ['findTagOrigin', () => ({ ...at(), tag: 't77' })],
      // Of the few connectors there are, all are read; of nothing else.
      ['listAttachments', () => undefined],
      ['listConnectorRecords', () => undefined],
      ['listTagOrigins', () => ({ repositoryId: big, tags: ['t77', 't78'] })],
      ['findLinkedBlob', key],
      ['findManifestByDigest', () => ({ ...at(), digest: 'm77' })],
      ['findManifestByTag', () => ({ ...at(), tag: 't77' })],
      ['findManifestIdByDigest', () => ({ ...at(), digest: 'm77' })],
      ['findManifestIdByTag', () => ({ ...at(), tag: 't77' })],
      ['findRepository', () => ({ feedId: content.feedId, name: 'r77' })],
      ['findSetting', () => 'name'],
      ['findUpload', () => upload],
      ['findRoom', () => ({ ...at(), digest: 'b77' })],
      ['hasDamagedBlob', at],
      ['findNextScope', () => ({ kind: 'link', after: 0 })],
      ['findWholeManifest', () => 77],
      ['isLocationNamed', () => ({ storeId: content.storeId, location: 'b77' })],
      ['listBlobUsers', key],
      ['listMountSources', () => ({ storeId: content.storeId, digest: 'b77', limit: 50 })],
      ['listBlobLocations', () => ({ storeId: content.storeId, after: 'b7', limit: 200 })],
      ['listBlobImages', () => ({ storeId: content.storeId, digest: 'b77', limit: 100 })],
      [
        'listBlobsToCheck',
        () => ({ storeId: content.storeId, feedId: content.feedId, after: 'b7', limit: 200 }),
      ],
      ['listDueJobs', () => ({})],
      ['listJobs', () => ({ feedId: 7, after: 0, count: 100 })],
      ['listLog', () => ({ runId: 77, after: 0, count: 100 })],
      ['listRuns', () => ({ kind: null, feedId: null, before: 99_999, count: 100 })],
      ['listRuns', () => ({ kind: 'FeedCleanup', feedId: null, before: 777, count: 100 })],
      ['listRuns', () => ({ kind: null, feedId: 7, before: 777, count: 100 })],
      ['listRuns', () => ({ kind: 'FeedCleanup', feedId: 7, before: null, count: 100 })],
      ['listUnnamed', () => ({ storeId: content.storeId, locations: ['b7', 'u7', 'f7', 'x'] })],
      ['listDueCandidates', () => ({ ...cleaning(), kind: 'link', scopeId: big })],
      ['listFreedLocations', () => freed()],
      ['listFreedLocations', () => ({ ...freed(), after: { since: 77, location: 'f77' } })],
      ['listPurgingUploads', () => ({ limit: 100, after: 'u7' })],
      ['listReferrers', () => ({ repositoryId: big, subject: 's7', artifactType: null, ...page })],
      ['listReferrers', () => ({ repositoryId: big, subject: 's7', artifactType: 'a', ...page })],
      ['listRepositories', () => ({ feedId: content.feedId, ...page })],
      ['listTags', () => ({ repositoryId: big, ...page })],
      ...pagesOfLists,
      ...otherLists,
      ['needsKeepAlive', () => ({ ...upload, ...lease })],
      ['previewBlobs', () => ({ ...cleaning(), storeId: content.storeId })],
      ['previewLinks', () => ({ ...cleaning(), repositoryId: big })],
      ['previewOrphans', () => ({ ...cleaning(), repositoryId: big })],
      ['listRetentionRules', () => content.feedId],
      ['listJudgedRepositories', () => ({ feedId: content.feedId, from: 'r2', count: 100 })],
      ['listRetentionManifests', () => ({ repositoryId: big, ...page })],
      ['listTagFacts', () => ({ repositoryId: big, ...page })],
      ['listEdges', () => [77, 78]],
      ['readOwnBytes', () => [77, 78]],
      ['listRepositorySums', () => ({ feedId: content.feedId, ...page })],
      ['listTaggedImages', () => ({ repositoryId: big, ...page })],
      ['listImages', () => ({ repositoryId: big, ...page })],
      ['listImageBytes', () => [19_900, 19_901]],
      ['listHeldImages', () => ({ repositoryId: big, ids: [77, 78] })],
      [
        'listDependants',
        () => ({ repositoryId: big, images: [{ id: 77, digest: digestFor('a') }] }),
      ],
      ['findReleasedBytes', () => ({ ...key(), givenUp: 1 })],
      ['sumExclusiveInRepository', () => ({ repositoryId: big, ...page })],
      ['sumExclusiveInFeed', () => ({ ...page, ...ofStore() })],
    ]
    // First: later ones retire the repository.
    test('keep-alive finds what to renew by the leases, not by going through a repository', async () => {
      const started = await content.startUpload({ repository: 'a-big' })
      const explained = await expectIndexed('keepUploadAlive', { ...started, ...lease })
      expect(plansOf(explained)).toMatch(/links_lease/)
      expect(plansOf(explained)).toMatch(/manifests_lease/)
    })

    test.each(rows)('%s', async (name, input) => {
      await expectIndexed(name, input())
    })
  })

  describe('no page is sorted:', () => {
    const rows: readonly [string, () => unknown][] = [
      ['listReferrers', () => ({ repositoryId: big, subject: 's7', artifactType: null, ...page })],
      ['listRepositories', () => ({ feedId: content.feedId, ...page, after: 'r2' })],
      ['listTags', () => ({ repositoryId: big, ...page, after: 't5' })],
      ...pagesOfLists,
      ['purgeIdle', () => ({ idleMs: 15_000 * 1000, limit: 10 })],
      ['listDueCandidates', () => ({ ...cleaning(), kind: 'link', scopeId: big })],
      ['listFreedLocations', () => freed()],
    ]
    test.each(rows)('%s', async (name, input) => {
      const [first] = await explain(name, input())
      expect(first?.plan.filter((line) => /\bsort\b|temp b-tree/i.test(line))).toEqual([])
    })
  })

  describe('no write goes through a table:', () => {
    const blob = () => ({ repositoryId: big, digest: digestFor('config') })
    const target = () => ({ repositoryId: big, digest: digestFor('child') })
    const judged = (digest: string) => ({
      ...{ repositoryId: big, digest, judgedAt: Number.MAX_SAFE_INTEGER, by: 'ann' },
    })
    const judgedImage = (digest: string) => ({
      ...{ ...judged(digest), tags: [], keptSignatures: [], graceMs: hourMs },
    })
    const rows: readonly [string, () => unknown][] = [
      ['insertUpload', () => newUpload(content)],
      ['claimUpload', () => upload],
      ['advanceUpload', () => ({ ...claimedAgain(upload), offsetBytes: 1, digestSoFar: 'd' })],
      ['promiseBlob', () => ({ ...key(), graceMs: hourMs })],
      ['promiseManifest', () => ({ id: 77, graceMs: hourMs })],
      ['noteTagCheck', () => checkOf(big)],
      ['cacheManifest', () => ({ ...pushOf(content), connectorId: 7 })],
      ['mountBlob', () => mountOf(content, big)],
      ['commitUpload', () => ({ ...claimedAgain(upload), ...commitOf(hourMs) })],
      ['putManifest', () => pushOf(content)],
      ['createTag', () => ({ ...target(), tag: 'moves', mayOverwrite: true, by: 'ann' })],
      ['deleteTag', () => ({ repositoryId: big, tag: 't78', by: 'ann' })],
      ['deleteManifest', () => ({ repositoryId: big, digest: digestFor('parent'), ...lease })],
      ['deleteManifest', () => ({ ...target(), digest: digestFor('pushed'), ...lease })],
      ['deleteManifest', () => ({ ...target(), ...lease })],
      ['removeJudgedTag', () => ({ ...judged('m79'), tag: 't79', pushedAt: 0 })],
      ['removeJudgedImage', () => judgedImage('m80')],
      ['foldSizes', () => ({ limit: 100 })],
      ['updateRepository', () => ({ id: big, quotaBytes: 500_000_000, by: 'ann', address: null })],
      ['deleteLink', () => ({ ...blob(), by: 'x' })],
      ['markDamaged', () => ({ storeId: content.storeId, location: 'b80' })],
      ['purgeUpload', () => ({ id: 'u80', repositoryId: big })],
      ['purgeIdle', () => ({ idleMs: 19_990 * 1000, limit: 10 })],
      ['purgeIdle', () => ({ idleMs: 19_990 * 1000, limit: 10, feedId: content.feedId })],
      ['cleanOrphans', () => ({ ...cleaning(), repositoryId: big })],
      ['cleanLinks', () => ({ ...cleaning(), repositoryId: big })],
      ['cleanBlobs', () => ({ ...cleaning(), storeId: content.storeId })],
      ['forgetFreedLocations', () => ({ storeId: content.storeId, locations: ['f7', 'f8'] })],
      ['forgetScope', () => ({ repositoryId: 999_999, limit: 500 })],
      ['claimRun', () => ({ owner: 'x', leaseMs: 1000, busyKinds: [] })],
      ['claimRun', () => ({ owner: 'x', leaseMs: 1000, busyKinds: ['FeedCleanup'] })],
      ['pruneRuns', () => ({ maxAgeMs: hourMs, limit: 100 })],
      ['ensureDeletionRun', () => ({ kind: 'FeedDeletion', feedId: 7, pauseMs: 1000 })],
      [
        'ensureDeletionRun',
        () => ({ kind: 'RepositoryDeletion', feedId: 7, repositoryId: 77, pauseMs: 1000 }),
      ],
      ['takeStrays', () => ({ storeId: content.storeId, locations: ['x', 'y'], graceMs: hourMs })],
      ['noteStrays', () => ({ storeId: content.storeId, locations: ['x', 'y'] })],
      ['forgetStrays', () => ({ storeId: content.storeId, locations: ['x', 'y'] })],
      ['markLive', () => ({ storeId: content.storeId, location: 'b81' })],
      ['claimStaging', () => ({ ...staged(), writer: 0, sizeBytes: 1, state: '{}' })],
      ['recordStaging', () => ({ ...staged(), writer: 1, sizeBytes: 2, state: '{}' })],
      ['reserveParts', () => ({ ...staged(), writer: 1, count: 8 })],
      ['deleteStaging', staged],
      ['moveLink', () => ({ ...key(), from: content.storeId, to: content.storeId })],
      ['forgetFormerStore', () => ({ ...inStore(), since: 1 })],
      ['deletePurgedUploads', () => ({ ids: ['u80', 'u81'] })],
      ['recordFacts', () => ({ facts: [{ id: 80, platforms: 'linux/amd64' }] })],
      [
        'recordPulls',
        () => ({ pulls: [{ manifestId: 80, byTag: 1, byDigest: 1, lastAt: 86_400_000 }] }),
      ],
      ['prunePulls', () => ({ before: 5, limit: 10 })],
      [
        'retireRepository',
        () => ({
          id: big,
          kind: 'RepositoryDeletion',
          feedName: 'main',
          by: { name: 'ann', address: null },
        }),
      ],
    ]
    test.each(rows)('%s', async (name, input) => {
      await expectIndexed(name, input())
    })
  })

  // All writes above meet a quota; folding alone reads all that was appended.
  test('a quota is asked of what the feed has appended, not of what others have', async () => {
    const asked: readonly (readonly [string, object])[] = [
      ['findRoom', { ...at(), digest: 'b77' }],
      ['mountBlob', { ...mountOf(content, big), repository: 'r6' }],
    ]
    for (const [name, input] of asked) {
      const plan = plansOf(await explain(name, input))
      expect(plan).toMatch(/size_changes_feed/)
      expect(plan).not.toMatch(/Seq Scan on size_changes|^\s*SCAN size_changes/m)
    }
  })

  describe('no list of the audit goes through more than its page:', () => {
    const none = { kind: null, by: null, feedId: null, from: null, to: null }
    const hours = (count: number) => Date.now() - count * hourMs
    const rows: readonly (readonly [filter: string, input: () => object])[] = [
      ['nothing', () => ({})],
      ['a kind', () => ({ kind: 'login.failed' })],
      ['kinds that begin so', () => ({ kind: 'login.*' })],
      ['a kind of which there is none', () => ({ kind: 'none.*' })],
      ['a caller', () => ({ by: 'u7' })],
      ['a registry', () => ({ feedId: content.feedId })],
      ['a time from', () => ({ from: hours(2) })],
      ['a time to', () => ({ to: hours(30) })],
      ['a time between', () => ({ from: hours(30), to: hours(29) })],
      ['kinds, long ago', () => ({ kind: 'login.*', to: hours(30) })],
      ['a caller, long ago', () => ({ by: 'u7', to: hours(30) })],
      ['a registry, long ago', () => ({ feedId: content.feedId, to: hours(30) })],
      ['a caller in a registry', () => ({ by: 'u7', feedId: content.feedId })],
    ]
    const pages = rows.flatMap(([filter, input]) =>
      [null, eventCount / 2].map((before) => [filter, before, input] as const),
    )
    test.each(pages)('%s, before %s', async (_filter, before, input) => {
      const explained = await explain('listEvents', { ...none, ...input(), before, count: 100 })
      const plan = plansOf(explained)
      expect(plan).toMatch(/events_(?:at|kind|by|feed|pkey)|PRIMARY KEY/)
      // PostgreSQL knows where few rows are left, and sorts those.
      const whole =
        databases.dialect === 'postgres' ? /Seq Scan on events/ : /temp b-tree|SCAN events$/im
      expect(plan).not.toMatch(whole)
    })
  })

  test('the removal of a deleted feed finds its next rows', async () => {
    await content.run(`delete from feed_names where feed_id = ${content.feedId}`)
    await expectIndexed('deleteFeedContent', { feedId: content.feedId, limit: 100 })
    const [, first] = await explain('deleteFeedContent', { feedId: content.feedId, limit: 100 })
    expect(first?.plan.filter((line) => /\bsort\b|temp b-tree/i.test(line))).toEqual([])
  })

  // SQLite's are looked at where its migrations are tested.
  if (databases.dialect === 'postgres') {
    test('foreign keys can be checked by index', async () => {
      expect(await listUnindexedKeys(content.db.read)).toEqual([])
    })
  }
})

const bigTables = [
  ...['repositories', 'blobs', 'links', 'manifests', 'manifest_contents', 'manifest_blobs'],
  ...['manifest_children', 'wanted', 'tags', 'tag_history', 'uploads', 'candidates'],
  ...['freed_locations', 'feed_names', 'job_runs', 'job_log', 'stray_locations', 'jobs'],
  ...['feed_blobs', 'repository_sizes', 'stagings'],
]

function checkOf(repositoryId: number) {
  return { repositoryId, tag: 't77', connectorId: 7, isFound: true, failure: 'a reason' }
}

/** Lines of a plan that go through a whole big table, or through a whole index of one. */
function scansOf({ sql, plan }: ExplainedStatement): string[] {
  const tables = bigTables.join('|')
  const names = [...bigTables, ...aliasesIn(sql, tables)].join('|')
  const scan = new RegExp(`Seq Scan on (${tables})\\b|^\\s*SCAN (${names})\\b`)
  return plan
    .filter((line) => scan.test(line))
    .map((line) => `${line.trim()}, of ${sql.slice(0, 200)}`)
}

/** SQLite's plans call a table by the name that the statement gives it. */
function aliasesIn(sql: string, tables: string): string[] {
  const named = new RegExp(`\\b(?:from|join)\\s+"?(?:${tables})"?\\s+(?:as\\s+)?"?(\\w+)`, 'gi')
  const words = /^(?:on|where|join|cross|left|inner|order|group|limit|union|as|set|using|for)$/i
  return [...sql.matchAll(named)].flatMap(([, name]) =>
    name === undefined || words.test(name) ? [] : [name],
  )
}

async function fill({ run, storeId, feedId, db }: DatabaseContent, big: number) {
  const n = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${rowCount})`
  const zero = db.dialect === 'postgres' ? `'\\x00'::bytea` : `x'00'`
  const statements = [
    `insert into feed_names ("key", name, feed_id, alternate)
     ${n} select 'n' || i, 'n' || i, ${feedId}, 1 from n`,
    `insert into repositories (feed_id, name, listed, created_at)
     ${n} select ${feedId}, 'r' || i, 1, 0 from n`,
    `insert into blobs (store_id, digest, location, size_bytes, state, created_at)
     ${n} select ${storeId}, 'b' || i, 'b' || i, 1, 'live', 0 from n`,
    `insert into links (repository_id, digest, store_id, promised_at, lease_until)
     ${n} select ${big}, 'b' || i, ${storeId}, now_ms() - i * 60000, now_ms() - i * 60000 from n`,
    `insert into links (repository_id, digest, store_id, promised_at, lease_until)
     select id, 'b' || substr(name, 2), ${storeId}, 0, 0 from repositories where name like 'r%'`,
    `insert into manifests (repository_id, digest, media_type, artifact_type, subject, annotations,
       size_bytes, orphaned_since, promised_at, lease_until, pushed_at, pushed_by)
     ${n} select ${big}, 'm' || i, 't', 'a', 's' || (i % 100), null, 1, null,
       now_ms() - i * 60000, now_ms() - i * 60000, 0, 'a' from n`,
    `insert into manifest_contents (manifest_id, content) select id, ${zero} from manifests`,
    `insert into manifest_blobs (manifest_id, repository_id, digest, role)
     select id, repository_id, 'b' || substr(digest, 2), 'layer' from manifests`,
    `insert into manifest_children (parent_id, child_id)
     select a.id, b.id from manifests a join manifests b on b.id = a.id + 1`,
    `insert into wanted (manifest_id, repository_id, digest, role)
     select id, repository_id, 'w' || id, 'child' from manifests`,
    `insert into tags (repository_id, name, manifest_id, created_at, updated_at, updated_by)
     select repository_id, 't' || id, id, 0, 0, 'a' from manifests`,
    `insert into tag_history (repository_id, name, digest, previous_digest, at, "by")
     select repository_id, 't' || id, digest, null, 0, 'a' from manifests`,
    `insert into uploads (id, repository_id, store_id, location, state, epoch, offset_bytes,
       digest_so_far, algorithm, started_at, last_progress, started_by)
     ${n} select 'u' || i, ${big}, ${storeId}, 'u' || i, 'open', 0, 0, null, 'sha256',
       now_ms() - i * 1000, now_ms() - i * 1000, 'a' from n`,
    `insert into candidates (kind, scope_id, digest, due)
     ${n} select 'link', ${big}, 'b' || i, i from n`,
    `insert into jobs (kind, feed_id, schedule, time_zone, enabled, next_run_at)
     ${n} select 'FeedCleanup', i, '0 2 * * *', 'UTC', 1, now_ms() + i * 1000 from n`,
    `insert into job_runs (kind, feed_id, params, state, requested_by, requested_at, ended_at,
       attempts, cancelling, counts, error_count)
     ${n} select case i % 2 when 0 then 'FeedCleanup' else 'FeedIntegrity' end, i % 500, '{}',
       'succeeded', 'ann', i, now_ms() - i * 1000, 1, 0, '{}', 0 from n`,
    `insert into job_runs (kind, feed_id, params, state, requested_by, requested_at,
       attempts, cancelling, counts, error_count)
     values ('StorageCleanup', 0, '{}', 'queued', 'ann', 0, 0, 0, '{}', 0)`,
    `insert into job_log (run_id, at, level, message) select id, 0, 'info', 'x' from job_runs`,
    `insert into stagings (store_id, location, writer, next_number, size_bytes, state)
     ${n} select ${storeId}, 's' || i, 0, 1, 1, '{}' from n`,
    `insert into stray_locations (store_id, location, seen_at)
     ${n} select ${storeId}, 's' || i, i from n`,
    // Some of each are to be taken: links, orphans and blobs that nothing holds.
    ...[1, 2, 3].flatMap((i) => [
      `insert into blobs (store_id, digest, location, size_bytes, state, created_at)
       values (${storeId}, 'free ${i}', 'free ${i}', 1, 'live', 0)`,
      `insert into blobs (store_id, digest, location, size_bytes, state, created_at)
       values (${storeId}, 'loose ${i}', 'loose ${i}', 1, 'live', 0)`,
      `insert into links (repository_id, digest, store_id, promised_at, lease_until)
       values (${big}, 'loose ${i}', ${storeId}, 0, 0)`,
      `insert into manifests (repository_id, digest, media_type, artifact_type, subject,
         annotations, size_bytes, orphaned_since, promised_at, lease_until, pushed_at, pushed_by)
       values (${big}, 'orphan ${i}', 't', 'a', 's7', null, 1, 0, 0, 0, 0, 'a')`,
      `insert into candidates (kind, scope_id, digest, due) values ('blob', ${storeId}, 'free ${i}', 0)`,
      `insert into candidates (kind, scope_id, digest, due) values ('link', ${big}, 'loose ${i}', 0)`,
      `insert into candidates (kind, scope_id, digest, due)
       values ('manifest', ${big}, 'orphan ${i}', 0)`,
    ]),
    `insert into candidates (kind, scope_id, digest, due)
     ${n} select 'manifest', ${big}, 'm' || i, i from n`,
    `insert into candidates (kind, scope_id, digest, due)
     ${n} select 'blob', ${storeId}, 'b' || i, i from n`,
    `insert into freed_locations (store_id, location, since)
     ${n} select ${storeId}, 'f' || i, i from n`,
  ]
  // As if what the triggers append were folded. They are not made for so much at once.
  const triggers = (state: string) =>
    ['blobs', 'links', 'manifests', 'manifest_blobs'].map(
      (table) => `alter table ${table} ${state} trigger user`,
    )
  if (db.dialect === 'postgres') {
    statements.unshift(...triggers('disable'))
    statements.push(...triggers('enable'))
  }
  statements.push(
    'delete from size_changes',
    `insert into size_changes (kind, store_id, feed_id, repository_id, digest, count, bytes)
     ${n} select 'link', ${storeId}, 999999, 999999, 'b' || i, 1, 1 from n`,
    'update feeds set quota_bytes = 1000000000, repository_quota_bytes = 1000000000',
    `update repositories set quota_bytes = 500000000 where name = 'r7'`,
    `insert into repository_sizes select id, 1, 1, 1, 1, 1 from repositories
     where id not in (select repository_id from repository_sizes)`,
    `insert into feed_blobs (feed_id, store_id, digest, bytes, links)
     select ${feedId}, store_id, digest, 1, 2 from blobs`,
  )
  for (const statement of statements) await run(statement)
  // One a second; the newest are the last.
  await run(`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${eventCount})
    insert into events (at, kind, "by", feed_id, repository, detail, address)
    select now_ms() - (${eventCount} - i) * 1000,
      case i % 3 when 0 then 'login.failed' when 1 then 'login.succeeded' else 'key.created' end,
      'u' || (i % 50), case i % 7 when 0 then ${feedId} end, null, '{}', null from n`)
}

function newUpload({ feedId, storeId }: DatabaseContent) {
  const place = { id: 'new', feedId, repository: 'new', storeId, location: 'new' }
  return { ...place, algorithm: 'sha256', by: 'ann' }
}

/** The upload after one more claim. */
function claimedAgain(upload: UploadRecord) {
  return { ...upload, epoch: upload.epoch + 1 }
}

function commitOf(graceMs: number) {
  return { digest: digestFor('config'), sizeBytes: 1, graceMs }
}

function mountOf({ feedId, storeId }: DatabaseContent, sourceRepositoryId: number) {
  const target = { feedId, repository: 'r5', storeId }
  return { ...target, sourceRepositoryId, digest: 'b99', graceMs: hourMs }
}

function pushOf(content: DatabaseContent) {
  const config = digestFor('config')
  return content.manifest('pushed', {
    ...{ repository: 'a-big', config, layers: ['b78', 'b79'], children: ['m78', 'm79'] },
    ...{ subject: 'm80', tags: ['moves', 't77'] },
  })
}
