import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import { listJudgedRepositories } from '../db/retention-facts.ts'
import { type Going, judgeRepository, type Kept } from '../domain/retention.ts'
import type { RetentionRule } from '../domain/retention-rule.ts'
import { type Picks, pickBySize } from './retention-picks.ts'
import {
  openReading,
  type Reading,
  type ReadRepository,
  readRepository,
} from './retention-reading.ts'
import { removeGoing } from './retention-removing.ts'
import { listRules } from './retention-rules.ts'
import { cut, type Listed, type Page } from './tags.ts'
import { compileRange } from './version-range.ts'

/** What becomes of a tag or an image. */
export interface RetentionItem {
  readonly repository: string
  /** Null: the image itself. */
  readonly tag: string | null
  readonly digest: string
  readonly rule: number
  readonly reason: string
  /**
   * `goes`: it would. `removed`: it is. `follows`: with `of`, by garbage collection. `stays`: a rule
   * would take it but for the reason. `changed`: somebody used it meanwhile. `failed`: see `error`.
   */
  readonly outcome: 'goes' | 'removed' | 'follows' | 'stays' | 'changed' | 'failed'
  readonly of: string | null
  readonly error?: unknown
}

export interface RuleCounts {
  readonly rule: number
  tags: number
  images: number
  /** Tags and images that go with one of those. */
  followers: number
  /** Somebody used them between judgement and removal. */
  changed: number
  failed: number
}

export interface RetentionRun {
  readonly feedId: number
  /** Judges and tells, and changes nothing. */
  readonly dryRun: boolean
  readonly onItem?: (item: RetentionItem) => void
  readonly signal?: AbortSignal
}

export interface RetentionDeps {
  readonly db: Db
  /** How long content stays that a client was told of. */
  readonly graceMs: () => number
}

/**
 * Applies a feed's rules, repository by repository. What cannot be removed is counted and never
 * ends the run. Returns what became of things by each enabled rule, in their order.
 */
export async function runRetention(
  { db, graceMs }: RetentionDeps,
  { feedId, dryRun, onItem = () => {}, signal }: RetentionRun,
): Promise<readonly RuleCounts[]> {
  const rules = (await listRules({ db }, feedId)).filter(({ enabled }) => enabled)
  const counts = rules.map(({ id }) => countsOf(id))
  if (rules.length === 0) return counts
  const tell = (item: RetentionItem) => {
    count(counts, item)
    onItem(item)
  }
  for await (const { repository, going } of judgeFeed(db, { feedId, rules })) {
    if (signal?.aborted) break
    if (dryRun) {
      for (const each of going) tell(itemOf(repository, each))
    } else {
      await removeGoing({ db, graceMs: graceMs(), rules, tell, signal }, repository, going)
    }
  }
  return counts
}

function countsOf(rule: number): RuleCounts {
  return { rule, tags: 0, images: 0, followers: 0, changed: 0, failed: 0 }
}

function count(all: readonly RuleCounts[], { rule, outcome, tag }: RetentionItem): void {
  const counts = all.find((each) => each.rule === rule)
  if (!counts) return
  if (outcome === 'changed') counts.changed += 1
  else if (outcome === 'failed') counts.failed += 1
  else if (outcome === 'follows') counts.followers += 1
  else if (tag === null) counts.images += 1
  else counts.tags += 1
}

/** How many repositories one page of a preview looks at: it may end early, and goes on. */
const maxRepositories = 100

/** What the rules would take now, and what they keep, in the order of repositories and names. */
export async function previewRetention(
  { db }: { readonly db: Db },
  { feedId, rules }: { readonly feedId: number; readonly rules: readonly RetentionRule[] },
  { after, count }: Page,
): Promise<Listed<RetentionItem>> {
  const items: RetentionItem[] = []
  const [repositoryName = '', position = ''] = after.split(' ')
  let looked = 0
  let last = ''
  for await (const judged of judgeFeed(db, { feedId, rules, from: repositoryName })) {
    const { repository, going, kept } = judged
    last = repository.name
    looked += 1
    const found = [
      ...going.map((each) => itemOf(repository, each)),
      ...kept.map((each) => keptOf(repository, each)),
    ].sort(byKey)
    for (const item of found) {
      if (repository.name === repositoryName && keyOf(item) <= `${repositoryName} ${position}`) {
        continue
      }
      items.push(item)
    }
    if (items.length > count || looked >= maxRepositories) break
  }
  const page = cut(items, count, keyOf)
  // All of `last` is in the page, and nothing more of it follows.
  return page.next === null && looked >= maxRepositories
    ? { ...page, next: `${last} ${lastPosition}` }
    : page
}

/** Behind every other in its repository. */
const lastPosition = '~'

function keyOf({ repository, tag, digest, rule, outcome }: RetentionItem): string {
  const what = tag === null ? `m/${digest}` : `t/${tag}`
  // What comes before every character of a tag: one that begins with another comes after it.
  return `${repository} ${what}!${String(rule).padStart(15, '0')}!${outcome}`
}

function byKey(a: RetentionItem, b: RetentionItem): number {
  return keyOf(a) < keyOf(b) ? -1 : 1
}

function itemOf({ name }: ReadRepository, { follows, ...going }: Going): RetentionItem {
  const outcome = follows === null ? 'goes' : 'follows'
  return { ...going, repository: name, outcome, of: follows }
}

function keptOf({ name }: ReadRepository, kept: Kept): RetentionItem {
  return { ...kept, repository: name, outcome: 'stays', of: null }
}

interface Judged {
  readonly repository: ReadRepository
  readonly going: readonly Going[]
  readonly kept: readonly Kept[]
}

/** Preview and run read the same: one repository after the other, from `from` on. */
async function* judgeFeed(
  db: Db,
  input: {
    readonly feedId: number
    readonly rules: readonly RetentionRule[]
    readonly from?: string
  },
): AsyncGenerator<Judged> {
  const { feedId, rules, from = '' } = input
  const reading = await openReading(db, rules)
  const picks = await pickBySize(reading, {
    feedId,
    repositories: () => repositoriesOf(db, feedId),
  })
  for await (const entry of repositoriesOf(db, feedId, from)) {
    const repository = await readRepository(reading, entry)
    yield { repository, ...judge(reading, picks, repository) }
    await nextTurn()
  }
}

function judge({ rules, pullsCountedSince }: Reading, picks: Picks, repository: ReadRepository) {
  const { name, judgedAt } = repository
  return judgeRepository({
    ...{ rules, repository, compileRange, pullsCountedSince, nowMs: judgedAt },
    isPicked: (rule, digest) => picks.isPicked(name, rule, digest),
  })
}

const pageSize = 500

/** From the one of this name on, which may be gone. */
async function* repositoriesOf(db: Db, feedId: number, first = '') {
  let from: string | undefined = first
  while (from !== undefined) {
    const page = await listJudgedRepositories(db.read, { feedId, from, count: pageSize })
    yield* page
    const last = page.at(-1)
    // A space comes before every character of a name: the next one is the first behind `last`.
    from = page.length < pageSize || last === undefined ? undefined : `${last.name} `
  }
}
