import type { Db } from '../db/database.ts'
import { type RemovalOutcome, removeJudgedImage, removeJudgedTag } from '../db/retention-removal.ts'
import type { Going } from '../domain/retention.ts'
import { type RetentionTag, signaturesOf } from '../domain/retention-images.ts'
import type { RetentionRule } from '../domain/retention-rule.ts'
import { matchesTag } from '../domain/tag-pattern.ts'
import type { RetentionItem } from './retention.ts'
import type { ReadRepository } from './retention-reading.ts'

export interface Removing {
  readonly db: Db
  readonly graceMs: number
  readonly rules: readonly RetentionRule[]
  readonly tell: (item: RetentionItem) => void
  readonly signal: AbortSignal | undefined
}

/** For the audit. */
const by = 'Retention'
/** Written at once: on SQLite they share one commit. */
const batchSize = 16

/** One removal and what is told of it. */
interface Step {
  readonly items: readonly Going[]
  run(): Promise<RemovalOutcome>
}

/** Removes what was judged to go, each in a transaction of its own that judges again. */
export async function removeGoing(
  removing: Removing,
  repository: ReadRepository,
  going: readonly Going[],
): Promise<void> {
  const tagsNow = new Map(repository.images.map((image) => [image.digest, image.tags] as const))
  for (const { rule, tags, images, followers } of roundsOf(removing.rules, going)) {
    const context = { ...removing, repository, rule, tagsNow }
    const leaving = new Set(images.map(({ digest }) => digest))
    const alone = tags.filter(({ digest }) => !leaving.has(digest))
    await runSteps(
      context,
      alone.map((item) => tagStep(context, item)),
    )
    const byDigest = groupByDigest(tags)
    const steps = images.map((image) => {
      return imageStep(context, [...(byDigest.get(image.digest) ?? []), image], image.digest)
    })
    await runSteps(context, steps)
    for (const item of followers) tellOf(context, item, 'follows')
  }
}

function groupByDigest(items: readonly Going[]): ReadonlyMap<string, readonly Going[]> {
  const groups = new Map<string, Going[]>()
  for (const item of items) {
    const group = groups.get(item.digest)
    if (group === undefined) groups.set(item.digest, [item])
    else group.push(item)
  }
  return groups
}

interface Context extends Removing {
  readonly repository: ReadRepository
  readonly rule: RetentionRule
  readonly tagsNow: ReadonlyMap<string, readonly RetentionTag[]>
}

interface Round {
  readonly rule: RetentionRule
  readonly tags: readonly Going[]
  readonly images: readonly Going[]
  readonly followers: readonly Going[]
}

function roundsOf(rules: readonly RetentionRule[], going: readonly Going[]): Round[] {
  return rules.map((rule) => {
    const ofRule = going.filter((each) => each.rule === rule.id)
    const own = ofRule.filter(({ follows }) => follows === null)
    return {
      rule,
      tags: own.filter(({ tag }) => tag !== null),
      images: own.filter(({ tag }) => tag === null),
      followers: ofRule.filter(({ follows }) => follows !== null),
    }
  })
}

async function runSteps(context: Context, steps: readonly Step[]): Promise<void> {
  for (let start = 0; start < steps.length; start += batchSize) {
    if (context.signal?.aborted) return
    await Promise.all(steps.slice(start, start + batchSize).map((step) => runStep(context, step)))
  }
}

/** An error is the item's, not the run's. */
async function runStep(context: Context, { items, run }: Step): Promise<void> {
  try {
    const outcome = await run()
    for (const item of items) {
      if (outcome !== 'gone') tellOf(context, item, outcome)
    }
  } catch (error) {
    for (const item of items) tellOf(context, item, 'failed', error)
  }
}

function tellOf(
  { repository, tell }: Context,
  { follows, ...item }: Going,
  outcome: RetentionItem['outcome'],
  error?: unknown,
): void {
  tell({
    ...item,
    ...{ repository: repository.name, outcome, of: follows },
    ...(outcome === 'failed' && { error }),
  })
}

function judgedOf({ repository }: Context, digest: string) {
  return { repositoryId: repository.id, judgedAt: repository.judgedAt, digest, by }
}

function tagStep(context: Context, item: Going): Step {
  const { digest, tag } = item
  const found = context.tagsNow.get(digest)?.find(({ name }) => name === tag)
  return {
    items: [item],
    run: async () =>
      found === undefined
        ? 'gone'
        : await context.db.write(removeJudgedTag, {
            ...judgedOf(context, digest),
            ...{ tag: found.name, pushedAt: found.pushedAt },
          }),
  }
}

function imageStep(context: Context, items: readonly Going[], digest: string): Step {
  const { graceMs, rule, tagsNow } = context
  const keptSignatures = signaturesOf(digest).filter((tag) =>
    rule.keepTags.some((pattern) => matchesTag(pattern, tag)),
  )
  const names = new Set(items.map(({ tag }) => tag))
  const tags = (tagsNow.get(digest) ?? []).filter(({ name }) => names.has(name))
  return {
    items,
    run: () =>
      context.db.write(removeJudgedImage, {
        ...judgedOf(context, digest),
        ...{ tags, keptSignatures, graceMs },
      }),
  }
}
