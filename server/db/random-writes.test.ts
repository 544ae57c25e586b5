import { expect, test } from 'vitest'
import { ContentModel, type Outcome } from '../../test/support/content-model.ts'
import {
  contentOperations,
  inventCast,
  type OperationCast,
  type OperationTarget,
} from '../../test/support/content-operations.ts'
import { snapshotOfDatabase, snapshotOfModel } from '../../test/support/content-snapshot.ts'
import {
  type DatabaseContent,
  digestFor,
  openContent,
} from '../../test/support/database-content.ts'
import { listViolations } from '../../test/support/database-invariants.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { type Random, seededRandom } from '../../test/support/random.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const steps = Number(process.env.ENTREPOT_TEST_STEPS ?? 200)

describeDatabases(`random writes (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  test('leave what a model in memory leaves, step by step', { timeout: 120_000 }, async () => {
    const random = seededRandom(seed)
    const content = await openContent(databases)
    const { model, targets } = await openRepositories(content)
    const cast = inventCast(random)
    const names = new Map([...cast.blobs, ...Object.keys(cast.manifests)].map(withDigest))
    const nameOf = (digest: string) => names.get(digest) ?? digest
    const play = player({ content, model, targets, cast, random })
    const told: string[] = []
    for (let step = 0; step < steps; step += 1) {
      const { what, expected, actual } = await play()
      told.push(`${what} → ${actual}`)
      const story = `after\n${told.slice(-12).join('\n')}\n`
      expect(actual, story).toBe(expected)
      expect(await snapshotOfDatabase(content.db.read, nameOf), story).toEqual(
        snapshotOfModel(model),
      )
      expect(await listViolations(content.db.read), story).toEqual([])
      await forgetCandidates(content)
    }
  })
})

/** Two repositories of a plain feed, one of a feed with sparse indexes and tags that never move. */
async function openRepositories(content: DatabaseContent) {
  const model = new ContentModel()
  const strict = await content.addFeed({ sparse_indexes: 1, overwrite: 'never' })
  const targets: OperationTarget[] = []
  for (const [name, feedId] of [
    ['a', content.feedId],
    ['a/b', content.feedId],
    ['strict', strict],
  ] as const) {
    const { repositoryId } = await content.startUpload({ repository: name, feedId })
    targets.push({ name, feedId, id: repositoryId })
    model.add(name, { sparse: feedId === strict, tagsMove: feedId !== strict })
  }
  return { model, targets }
}

/** Clean-up looks at what it was told of and forgets what is in use. */
async function forgetCandidates({ run }: DatabaseContent) {
  await run(`delete from candidates where kind = 'link' and exists (
    select 1 from manifest_blobs e where e.repository_id = scope_id
    and e.digest = candidates.digest)`)
  await run(`delete from candidates where kind = 'manifest' and exists (
    select 1 from manifests m where m.repository_id = scope_id
    and m.digest = candidates.digest and m.orphaned_since is null)`)
  await run(`delete from candidates where kind = 'blob' and exists (
    select 1 from links l where l.store_id = scope_id and l.digest = candidates.digest)`)
}

interface Stage {
  readonly content: DatabaseContent
  readonly model: ContentModel
  readonly targets: readonly OperationTarget[]
  readonly cast: OperationCast
  readonly random: Random
}

interface Step {
  readonly what: string
  readonly expected: Outcome
  readonly actual: Outcome
}

/** Plays one random operation at a time, on the database and on the model. */
function player({ content, model, targets, cast, random }: Stage): () => Promise<Step> {
  const database = contentOperations(content)
  const manifests = Object.keys(cast.manifests)
  const to = () => random.pick(targets)
  const blob = () => random.pick(cast.blobs)
  const manifest = () => random.pick(manifests)
  const tag = () => random.pick(cast.tags)
  /** Mostly one that is there. */
  const known = ({ name }: OperationTarget) => {
    const there = [...model.repository(name).manifests.keys()]
    return there.length > 0 && random.chance(0.8) ? random.pick(there) : manifest()
  }
  const commit = async (target: OperationTarget, name: string): Promise<Step> => {
    const { outcome, location } = await database.commit(target, name)
    const expected = model.commit(target.name, name, location)
    return { what: `commit ${name} to ${target.name}`, expected, actual: outcome }
  }
  const put = async (target: OperationTarget, name: string): Promise<Step> => {
    const says = cast.manifests[name]
    if (!says) throw new Error(`there is no ${name}`)
    const tags = random.chance(0.5) ? [tag(), tag()] : []
    const actual = await database.put(target, name, says, tags)
    const expected = model.put(target.name, name, says, tags)
    return {
      what: `put ${name} ${JSON.stringify(says)} ${tags} to ${target.name}`,
      expected,
      actual,
    }
  }
  const mount = async (target: OperationTarget, from: OperationTarget, name: string) => ({
    what: `mount ${name} from ${from.name} to ${target.name}`,
    actual: await database.mount(target, from, name),
    expected: model.mount(target.name, from.name, name),
  })
  const promise = async (target: OperationTarget, name: string) => ({
    what: `promise ${name} in ${target.name}`,
    actual: await database.promise(target, name),
    expected: model.promise(target.name, name),
  })
  const damage = async (name: string) => ({
    what: `damage ${name}`,
    actual: await database.damage(model.blobs.get(name)?.location ?? 'nowhere'),
    expected: model.damage(name),
  })
  const deleteManifest = async (target: OperationTarget, name = known(target)) => ({
    what: `delete ${name} of ${target.name}`,
    actual: await database.deleteManifest(target, name),
    expected: model.deleteManifest(target.name, name),
  })
  const deleteLink = async (target: OperationTarget, name: string) => ({
    what: `delete ${name} of ${target.name}`,
    actual: await database.deleteLink(target, name),
    expected: model.deleteLink(target.name, name),
  })
  const createTag = async (target: OperationTarget, name: string, points = known(target)) => ({
    what: `tag ${points} of ${target.name} as ${name}`,
    actual: await database.createTag(target, name, points),
    expected: model.createTag(target.name, name, points),
  })
  const deleteTag = async (target: OperationTarget, name: string) => ({
    what: `delete tag ${name} of ${target.name}`,
    actual: await database.deleteTag(target, name),
    expected: model.deleteTag(target.name, name),
  })
  const abandon = async (target: OperationTarget) => {
    await database.abandon(target)
    return { what: `abandon an upload to ${target.name}`, expected: undefined, actual: undefined }
  }
  const plays: readonly [growing: number, shrinking: number, play: () => Promise<Step>][] = [
    [30, 8, () => commit(to(), blob())],
    [10, 4, () => mount(to(), to(), blob())],
    [40, 10, () => put(to(), manifest())],
    [4, 40, () => deleteManifest(to())],
    [4, 12, () => deleteLink(to(), blob())],
    [8, 8, () => createTag(to(), tag())],
    [2, 12, () => deleteTag(to(), tag())],
    [4, 4, () => damage(blob())],
    [3, 3, () => promise(to(), blob())],
    [2, 2, () => abandon(to())],
  ]
  const bagOf = (phase: 0 | 1) =>
    plays.flatMap((row) => Array.from({ length: row[phase] }, () => row[2]))
  const bags = [bagOf(0), bagOf(1)] as const
  let step = 0
  return () => {
    step += 1
    return random.pick(bags[step % phaseSteps[0] < phaseSteps[1] ? 0 : 1])()
  }
}

/** Of so many steps the first ones let repositories grow, the others empty them. */
const phaseSteps = [80, 45] as const

function withDigest(name: string): [digest: string, name: string] {
  return [digestFor(name), name]
}
