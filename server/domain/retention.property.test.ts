import semver from 'semver'
import { expect, test } from 'vitest'
import { type Random, seededRandom } from '../../test/support/random.ts'
import { compileRange } from '../registry/version-range.ts'
import { judgeRepository } from './retention.ts'
import type { RetentionImage } from './retention-images.ts'
import { listRuleProblems, type RetentionRule } from './retention-rule.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const rounds = Number(process.env.ENTREPOT_TEST_STEPS ?? 500)
const dayMs = 24 * 60 * 60 * 1000
const nowMs = 500 * dayMs

test(`what goes is what a plain reading of the rules says (ENTREPOT_TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed)
  let gone = 0
  for (let round = 0; round < rounds; round += 1) {
    const world = invent(random)
    const { going, kept } = judgeRepository(world)
    const story = JSON.stringify(world, null, 1)
    const found = [...new Set(going.map((each) => `${each.rule} ${each.tag ?? each.digest}`))]
    expect(found.toSorted(), story).toEqual(readPlainly(world).toSorted())
    expect(found.length, story).toBe(going.length)
    for (const { rule, tag } of going) {
      const patterns = world.rules.find(({ id }) => id === rule)?.keepTags ?? []
      expect(tag !== null && patterns.some((each) => fits(each, tag)), story).toBe(false)
    }
    const goneOf = (rule: number) => going.filter((each) => each.rule === rule)
    for (const { rule, tag, digest } of kept) {
      const same = goneOf(rule).some((each) => each.tag === tag && each.digest === digest)
      expect(same && tag !== null, story).toBe(false)
    }
    gone += going.length
  }
  expect(gone).toBeGreaterThan(rounds / 10)
})

interface World {
  readonly rules: readonly RetentionRule[]
  readonly repository: { readonly name: string; readonly images: readonly RetentionImage[] }
  readonly compileRange: typeof compileRange
  readonly nowMs: number
  readonly pullsCountedSince: number
  readonly isPicked: () => boolean
}

function digestOf(at: number): string {
  return `sha256:${String(at).padStart(64, '0')}`
}

function invent(random: Random): World {
  const count = random.between(1, 9)
  const spare = [
    ...['1.0.0', '1.1.0', '2.0.0-rc.1', '2.0.0', 'v2.1.0', 'latest', 'pr-1', 'pr-2', '1.1'],
    ...Array.from({ length: count + 1 }, (_, at) => `sha256-${String(at).padStart(64, '0')}.sig`),
  ]
  const daysAgo = () => nowMs - random.between(0, 40) * dayMs - random.between(0, 1)
  const images = Array.from({ length: count }, (_, at): RetentionImage => {
    const earlier = () => (at > 0 ? [digestOf(random.between(0, at - 1))] : [])
    const tags = spare.filter(() => random.chance(0.12))
    for (const tag of tags) spare.splice(spare.indexOf(tag), 1)
    return {
      digest: digestOf(at),
      tags: tags.map((name) => ({ name, pushedAt: daysAgo() })),
      pushedAt: daysAgo(),
      sizeBytes: 1,
      cached: random.chance(0.3),
      pulls: random.between(0, 4),
      lastPulledAt: random.chance(0.5) ? daysAgo() : null,
      promised: random.chance(0.1),
      orphaned: tags.length === 0 && random.chance(0.1),
      children: random.chance(0.3) ? [...earlier(), ...earlier()] : [],
      subject: random.chance(0.25) ? digestOf(random.between(0, Math.max(0, at - 1))) : null,
    }
  })
  const rules: RetentionRule[] = []
  while (rules.length < random.between(1, 3)) {
    const rule = inventRule(random, rules.length + 1)
    if (listRuleProblems(rule, compileRange).length === 0) rules.push(rule)
  }
  return {
    rules,
    repository: { name: random.pick(['team/app', 'app']), images },
    compileRange,
    nowMs,
    pullsCountedSince: random.chance(0.9) ? 0 : nowMs - random.pick([0, 15]) * dayMs,
    isPicked: () => false,
  }
}

function inventRule(random: Random, id: number): RetentionRule {
  const some = <T>(items: readonly T[], probability = 0.3) =>
    random.chance(probability) ? [random.pick(items)] : []
  const maybe = <T>(value: T) => (random.chance(0.2) ? value : null)
  const patterns = ['*', 'pr-*', '*.*.*', 'latest', '*.sig', '1*0', '2.0.0-rc.1']
  return {
    id,
    deletes: random.chance(0.75) ? 'tags' : 'untagged',
    cached: random.chance(0.1),
    repositories: some(['team/*', '**', 'app'], 0.2),
    keepRepositories: some(['team/**', 'other'], 0.1),
    tags: [...some(patterns, 0.5), ...some(patterns)],
    keepTags: some(patterns),
    versions: maybe('>=1.0.0 <2'),
    keepVersions: maybe('>=2.0.0'),
    pushedBeforeDays: maybe(random.between(1, 40)),
    notPulledForDays: maybe(random.between(1, 40)),
    fewerPullsThan: maybe(random.between(1, 4)),
    keepNewest: maybe({
      count: random.between(1, 3),
      by: random.pick(['pushed', 'version'] as const),
    }),
    size: null,
  }
}

function fits(pattern: string, text: string): boolean {
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replaceAll('.', '\\.')))
    .join('')
  return new RegExp(`^${source}$`).test(text)
}

interface PlainUnit {
  readonly image: RetentionImage
  readonly tag: string | null
  readonly pushedAt: number
}

/** What goes, read word by word from what is left at that time, with no thought of speed. */
function readPlainly(world: World): string[] {
  const reading = new PlainReading(world)
  for (const rule of world.rules) reading.apply(rule)
  return reading.result
}

class PlainReading {
  readonly result: string[] = []
  readonly #world: World
  readonly #there: Set<string>
  readonly #tags: Map<string, string>

  constructor(world: World) {
    const { images } = world.repository
    this.#world = world
    this.#there = new Set(images.map(({ digest }) => digest))
    this.#tags = new Map(
      images.flatMap(({ digest, tags }) => tags.map((tag) => [tag.name, digest] as const)),
    )
  }

  get #images() {
    return this.#world.repository.images
  }

  apply(rule: RetentionRule): void {
    const counted = this.#units(rule)
      .filter((unit) => isMeant(this.#world, rule, unit))
      .filter(({ tag }) => rule.keepNewest?.by !== 'version' || versionOf(tag))
    const going = counted.filter(
      (unit) =>
        !unit.image.promised &&
        !isNewest(rule, counted, unit) &&
        isOld(rule, unit) &&
        this.#isUnused(rule, unit),
    )
    for (const { tag } of going) {
      if (tag !== null) this.#untag(rule, tag)
    }
    // Again and again, until nothing follows any more.
    while (this.#leaveFree(rule, going) || this.#leaveFollowers(rule));
  }

  #units(rule: RetentionRule): PlainUnit[] {
    if (rule.deletes === 'untagged') {
      return this.#images
        .filter((image) => this.#isFree(image) && !image.orphaned)
        .map((image) => ({ image, tag: null, pushedAt: image.pushedAt }))
    }
    return this.#images.flatMap((image) =>
      image.tags
        .filter(({ name }) => this.#tags.has(name))
        .filter(({ name }) => !this.#there.has(signs(name, image.digest) ?? ''))
        .map(({ name, pushedAt }) => ({ image, tag: name, pushedAt })),
    )
  }

  #untag(rule: RetentionRule, tag: string) {
    this.#tags.delete(tag)
    this.result.push(`${rule.id} ${tag}`)
  }

  #leave(rule: RetentionRule, digest: string) {
    this.#there.delete(digest)
    this.result.push(`${rule.id} ${digest}`)
  }

  #leaveFree(rule: RetentionRule, going: readonly PlainUnit[]): boolean {
    const free = going.find(({ image }) => this.#isFree(image))
    if (free) this.#leave(rule, free.image.digest)
    return free !== undefined
  }

  #leaveFollowers(rule: RetentionRule): boolean {
    const went = (digest: string | undefined | null) =>
      digest != null && this.result.includes(`${rule.id} ${digest}`)
    for (const image of this.#images) {
      const signing = image.tags.filter(({ name }) => went(signs(name, image.digest)))
      const loose = signing.find(({ name }) => this.#tags.has(name) && !any(rule.keepTags, name))
      if (loose) {
        this.#untag(rule, loose.name)
        return true
      }
      const wasHeld =
        signing.length > 0 ||
        (image.subject !== image.digest && went(image.subject)) ||
        this.#images.some((each) => each.children.includes(image.digest) && went(each.digest))
      if (wasHeld && this.#isFree(image)) {
        this.#leave(rule, image.digest)
        return true
      }
    }
    return false
  }

  #isTaggedOrListed(digest: string): boolean {
    return (
      [...this.#tags.values()].includes(digest) ||
      this.#images.some(
        (other) =>
          other.digest !== digest &&
          this.#there.has(other.digest) &&
          other.children.includes(digest),
      )
    )
  }

  #isFree({ digest, subject }: RetentionImage): boolean {
    const isAbout = subject !== null && subject !== digest && this.#there.has(subject)
    return this.#there.has(digest) && !this.#isTaggedOrListed(digest) && !isAbout
  }

  #isUnused(rule: RetentionRule, { image, pushedAt }: PlainUnit): boolean {
    const { notPulledForDays, fewerPullsThan } = rule
    if (notPulledForDays === null) return true
    const { pullsCountedSince } = this.#world
    const used = this.#images.filter(
      (each) => each === image || image.children.includes(each.digest),
    )
    const pulls = Math.max(...used.map((each) => each.pulls))
    const pulled = used.map((each) => each.lastPulledAt ?? 0)
    const last = Math.max(pushedAt, pullsCountedSince, ...pulled)
    return (
      last < nowMs - notPulledForDays * dayMs && (fewerPullsThan === null || pulls < fewerPullsThan)
    )
  }
}

/** The image that a tag speaks of, itself apart. */
function signs(tag: string, digest: string): string | undefined {
  const signed = /^sha256-(.{64})\.sig$/.exec(tag)?.[1]
  return signed === undefined || `sha256:${signed}` === digest ? undefined : `sha256:${signed}`
}

function any(patterns: readonly string[], text: string): boolean {
  return patterns.some((each) => fits(each, text))
}

function versionOf(tag: string | null): semver.SemVer | null {
  return tag === null ? null : semver.parse(tag)
}

function isMeant({ repository }: World, rule: RetentionRule, { image, tag }: PlainUnit): boolean {
  const { name } = repository
  if (rule.repositories.length > 0 && !any(rule.repositories, name)) return false
  if (any(rule.keepRepositories, name)) return false
  if (rule.cached && !image.cached) return false
  return tag === null || isMeantTag(rule, tag)
}

function isMeantTag(rule: RetentionRule, tag: string): boolean {
  const version = versionOf(tag)
  const inRange = (range: string, includePrerelease: boolean) =>
    version !== null && semver.satisfies(version, range, { includePrerelease })
  if (rule.tags.length > 0 && !any(rule.tags, tag)) return false
  if (any(rule.keepTags, tag)) return false
  if (rule.versions !== null && !inRange(rule.versions, false)) return false
  return rule.keepVersions === null || !inRange(rule.keepVersions, true)
}

function isOld({ pushedBeforeDays }: RetentionRule, { pushedAt }: PlainUnit): boolean {
  return pushedBeforeDays === null || pushedAt < nowMs - pushedBeforeDays * dayMs
}

function isNewest(
  { keepNewest }: RetentionRule,
  counted: readonly PlainUnit[],
  unit: PlainUnit,
): boolean {
  if (keepNewest === null) return false
  const newer = counted.filter((other) => isNewer(keepNewest.by, other, unit))
  return newer.length < keepNewest.count
}

function isNewer(by: 'pushed' | 'version', a: PlainUnit, b: PlainUnit): boolean {
  const [one, other] = [versionOf(a.tag), versionOf(b.tag)]
  const byVersion = by === 'version' && one && other ? semver.compare(one, other) : 0
  if (byVersion !== 0) return byVersion > 0
  if (a.pushedAt !== b.pushedAt) return a.pushedAt > b.pushedAt
  return (a.tag ?? a.image.digest) > (b.tag ?? b.image.digest)
}
