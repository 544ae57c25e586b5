import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Outcome } from '../../test/support/content-model.ts'
import {
  contentOperations,
  inventCast,
  type OperationCast,
  type OperationTarget,
  outcomeOf,
} from '../../test/support/content-operations.ts'
import {
  type DatabaseContent,
  digestFor,
  openContent,
} from '../../test/support/database-content.ts'
import { listViolations } from '../../test/support/database-invariants.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { type Random, seededRandom } from '../../test/support/random.ts'
import { deleteFeedContent } from './feed-content.ts'
import { listRetiredFeeds, retireFeed } from './feeds.ts'
import { keepUploadAlive } from './keep-alive.ts'
import { promiseManifest } from './manifests.ts'
import { deletePurgedUploads, listPurgingUploads, purgeIdle, purgeUpload } from './upload-purge.ts'
import { claimUpload, type UploadRecord } from './uploads.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const runMs = Number(process.env.ENTREPOT_TEST_MS ?? 4000)
const callers = 8
/** So short that half of it is always spent: keep-alive has something to renew. */
const graceMs = 40

describeDatabases(`concurrent writes (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  test('fail for no reason but their own, and leave all in order', {
    timeout: 60_000,
  }, async () => {
    const content = await openContent(databases)
    const sparse = await content.addFeed({ sparse_indexes: 1 })
    const targets = await openTargets(content, [content.feedId, sparse])
    const cast = inventCast(seededRandom(seed))
    const outcomes = await playAll({ content, targets, cast, graceMs }, Date.now() + runMs)
    expect(outcomes.size).toBeGreaterThan(8)
    const own = ['BLOB_UNKNOWN', 'IN_USE', 'MANIFEST_BLOB_UNKNOWN'].map(
      (code) => `refused: ${code}`,
    )
    expect(refusalsOf(outcomes).filter((outcome) => !own.includes(outcome))).toEqual([])
    expect(await listViolations(content.db.read)).toEqual([])
    if (databases.dialect === 'postgres') expect(await countDeadlocks(content)).toBe(0)
  })

  test('into a feed that goes meanwhile do not keep it', { timeout: 60_000 }, async () => {
    const content = await openContent(databases)
    const feedId = await content.addFeed()
    const targets = await openTargets(content, [feedId, feedId])
    const cast = inventCast(seededRandom(seed))
    const playing = playAll({ content, targets, cast, graceMs }, Date.now() + 1500)
    await wait(500)
    await content.db.write(retireFeed, { id: feedId, by: 'ann' })
    await removeFeed(content, feedId)
    const own = ['BLOB_UNKNOWN', 'IN_USE', 'MANIFEST_BLOB_UNKNOWN', 'NAME_UNKNOWN', 'CONFLICT']
    const refusals = own.map((code) => `refused: ${code}`)
    expect(refusalsOf(await playing).filter((outcome) => !refusals.includes(outcome))).toEqual([])
    expect(await listRetiredFeeds(content.db.read)).toEqual([])
    expect(await listViolations(content.db.read)).toEqual([])
  })
})

/** A repository in each of the feeds. */
async function openTargets(content: DatabaseContent, feedIds: readonly number[]) {
  const targets: OperationTarget[] = []
  for (const feedId of feedIds) {
    const name = `repository-${targets.length}`
    const { repositoryId } = await content.startUpload({ repository: name, feedId })
    targets.push({ name, feedId, id: repositoryId })
  }
  return targets
}

interface Stage {
  readonly content: DatabaseContent
  readonly targets: readonly OperationTarget[]
  readonly cast: OperationCast
  readonly graceMs: number
}

/** Callers that play until the time is up. Returns how often each outcome came. */
async function playAll(stage: Stage, until: number): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>()
  const uploads: UploadRecord[] = []
  const call = async (number: number) => {
    const play = player(stage, uploads, seededRandom(seed + number))
    while (Date.now() < until) {
      const { what, outcome } = await play()
      const key = String(outcome).startsWith('refused') ? String(outcome) : `${what}: ${outcome}`
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, number) => call(number)))
  return outcomes
}

interface Played {
  readonly what: string
  readonly outcome: Outcome
}

/** One caller's random operations; uploads are everybody's, so that several meet in one. */
function player(
  { content, targets, cast, graceMs }: Stage,
  uploads: UploadRecord[],
  random: Random,
) {
  const database = contentOperations(content, graceMs)
  const { db } = content
  const to = () => random.pick(targets)
  const blob = () => random.pick(cast.blobs)
  const manifest = () => random.pick(Object.keys(cast.manifests))
  const begin = async () => {
    const { name: repository, feedId } = to()
    uploads.push(await content.startUpload({ repository, feedId }))
    return true
  }
  const claimAny = async () => {
    const upload = uploads[random.between(0, uploads.length - 1)]
    return upload && db.write(claimUpload, upload)
  }
  const renew = async () => {
    const claimed = await claimAny()
    return claimed && db.write(keepUploadAlive, { ...claimed, graceMs })
  }
  const finish = async () => {
    const claimed = await claimAny()
    if (!claimed) return 'nothing to finish'
    await db.write(keepUploadAlive, { ...claimed, graceMs })
    return content.commit(claimed, digestFor(blob()), { graceMs })
  }
  const cancel = async () => {
    const upload = uploads.splice(random.between(0, uploads.length - 1), 1)[0]
    return upload && (await db.write(purgeUpload, upload)) !== undefined
  }
  const put = async () => {
    const name = manifest()
    const tags = random.chance(0.4) ? [random.pick(cast.tags), random.pick(cast.tags)] : []
    const says = cast.manifests[name]
    return says && database.put(to(), name, says, tags)
  }
  const head = async () => {
    const row = await db.read
      .selectFrom('manifests')
      .select('id')
      .where('digest', '=', digestFor(manifest()))
      .executeTakeFirst()
    return row && db.write(promiseManifest, { id: row.id, graceMs })
  }
  const plays: readonly [weight: number, what: string, play: () => Promise<Outcome>][] = [
    [8, 'begin', begin],
    [10, 'keep alive', renew],
    [10, 'commit', finish],
    [2, 'cancel', cancel],
    [10, 'mount', () => database.mount(to(), to(), blob())],
    [15, 'HEAD blob', () => database.promise(to(), blob())],
    [10, 'HEAD manifest', head],
    [25, 'put', put],
    [10, 'delete manifest', () => database.deleteManifest(to(), manifest())],
    [4, 'delete blob', () => database.deleteLink(to(), blob())],
    [4, 'tag', () => database.createTag(to(), random.pick(cast.tags), manifest())],
    [2, 'delete tag', () => database.deleteTag(to(), random.pick(cast.tags))],
  ]
  const bag = plays.flatMap(([weight, ...play]) => Array.from({ length: weight }, () => play))
  return async (): Promise<Played> => {
    const [what, play] = random.pick(bag)
    return { what, outcome: await outcomeOf(play()) }
  }
}

function refusalsOf(outcomes: ReadonlyMap<string, number>): string[] {
  return [...outcomes.keys()].filter((outcome) => outcome.startsWith('refused'))
}

/** As the serving process does it: purge what is left of uploads, then remove, until all is gone. */
async function removeFeed(content: DatabaseContent, feedId: number) {
  let removed = 1
  while (removed > 0) {
    await content.db.write(purgeIdle, { idleMs: 0, limit: 100, feedId })
    const purged = await listPurgingUploads(content.db.read, { limit: 100, after: '' })
    await content.db.write(deletePurgedUploads, { ids: purged.map(({ id }) => id) })
    removed = await content.db.write(deleteFeedContent, { feedId, limit: 5 }).then(
      (answer) => answer.removed,
      (error: unknown) => {
        // An upload came in between.
        expect(error).toMatchObject({ code: 'CONFLICT' })
        return 1
      },
    )
  }
}

/** Deadlocks that PostgreSQL broke, even those that were run again. Its counters come late. */
async function countDeadlocks({ db }: DatabaseContent): Promise<number> {
  await wait(1500)
  const { rows } = await sql<{ deadlocks: number }>`
    select deadlocks from pg_stat_database where datname = current_database()`.execute(db.read)
  return rows[0]?.deadlocks ?? -1
}
