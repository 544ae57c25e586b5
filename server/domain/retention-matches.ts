import { matchesPattern } from './repository-pattern.ts'
import type { Node } from './retention-images.ts'
import type { RetentionRule, VersionRange } from './retention-rule.ts'
import { matchesTag } from './tag-pattern.ts'
import { compareVersions, findVersion, type Version } from './version.ts'

/** One thing that a rule judges: a tag, or an image without one. */
export interface Unit {
  readonly node: Node
  readonly tag: string | null
  /** When the tag came to point there, or the image was pushed. */
  readonly pushedAt: number
  readonly version: Version | undefined
}

export interface Moment {
  readonly nowMs: number
  /** No pull before that is known. */
  readonly pullsCountedSince: number
}

/** A rule with its ranges compiled. */
export interface ReadyRule {
  readonly rule: RetentionRule
  readonly versions: VersionRange | null
  readonly keepVersions: VersionRange | null
}

/** Goes, with why; or would, but for what keeps it. */
export interface Match {
  readonly unit: Unit
  readonly reason: string
  readonly keptBy: string | null
}

const dayMs = 24 * 60 * 60 * 1000

/** What of these the rule speaks of, before it looks at sizes. */
export function matchUnits(
  ready: ReadyRule,
  repository: string,
  units: readonly Unit[],
  moment: Moment,
): Match[] {
  const { rule } = ready
  const inRepository = firstMatch(rule.repositories, repository)
  if (rule.repositories.length > 0 && inRepository === undefined) return []
  const keptRepository = firstMatch(rule.keepRepositories, repository)
  const selected = units.filter((unit) => isNamed(ready, unit))
  const keptBy = (unit: Unit) =>
    keptRepository === undefined ? keptByName(ready, unit) : `the repository is ${keptRepository}`
  const kept = selected.map(keptBy)
  const newest = newestOf(
    rule,
    selected.filter((_, at) => kept[at] === null),
  )
  return selected.flatMap((unit, at) => {
    const since = staleness(rule, unit, moment)
    if (since === undefined) return []
    if (rule.keepNewest?.by === 'version' && unit.version === undefined) return []
    const reason = reasonOf(ready, { unit, inRepository, since })
    return [{ unit, reason, keptBy: kept[at] ?? keptOtherwise(rule, unit, newest) }]
  })
}

function firstMatch(patterns: readonly string[], repository: string): string | undefined {
  return patterns.find((pattern) => matchesPattern(pattern, repository))
}

function isNamed({ rule, versions }: ReadyRule, { node, tag, version }: Unit): boolean {
  if (rule.cached && !node.image.cached) return false
  if (tag === null) return true
  if (rule.tags.length > 0 && !rule.tags.some((pattern) => matchesTag(pattern, tag))) return false
  return versions === null || (version !== undefined && versions.includes(version.text))
}

function keptByName({ rule, keepVersions }: ReadyRule, { tag, version }: Unit): string | null {
  if (tag === null) return null
  const pattern = rule.keepTags.find((each) => matchesTag(each, tag))
  if (pattern !== undefined) return `the tag is ${pattern}`
  const isKept = version !== undefined && keepVersions?.includesWidely(version.text)
  return isKept ? `the version is ${rule.keepVersions}` : null
}

function keptOtherwise(rule: RetentionRule, unit: Unit, newest: ReadonlySet<Unit>): string | null {
  if (newest.has(unit)) return `one of the newest ${rule.keepNewest?.count}`
  if (unit.node.image.promised) return 'pushed or asked for a moment ago'
  return null
}

/** The newest ones that the rule keeps in this repository. */
function newestOf({ keepNewest }: RetentionRule, units: readonly Unit[]): ReadonlySet<Unit> {
  if (keepNewest === null) return new Set()
  const ranked = keepNewest.by === 'pushed' ? [...units] : units.filter((unit) => unit.version)
  ranked.sort(keepNewest.by === 'pushed' ? laterFirst : higherFirst)
  return new Set(ranked.slice(0, keepNewest.count))
}

function laterFirst(a: Unit, b: Unit): number {
  return b.pushedAt - a.pushedAt || byName(b, a)
}

function higherFirst(a: Unit, b: Unit): number {
  const order = a.version && b.version ? compareVersions(b.version, a.version) : 0
  return order || laterFirst(a, b)
}

function byName(a: Unit, b: Unit): number {
  const [one, other] = [a.tag ?? a.node.image.digest, b.tag ?? b.node.image.digest]
  return one < other ? -1 : one > other ? 1 : 0
}

/** How old, as far as the rule asks; undefined: not old enough. */
function staleness(
  rule: RetentionRule,
  { node, pushedAt }: Unit,
  { nowMs, pullsCountedSince }: Moment,
): readonly string[] | undefined {
  const since: string[] = []
  if (rule.pushedBeforeDays !== null) {
    if (pushedAt >= nowMs - rule.pushedBeforeDays * dayMs) return undefined
    since.push(`pushed ${daysSince(pushedAt, nowMs)} ago`)
  }
  if (rule.notPulledForDays === null) return since
  const { pulls, lastPulledAt } = pullsOf(node)
  // Nobody could pull it before it was pushed, and no pull before the counting began is known.
  const idleSince = Math.max(pushedAt, lastPulledAt ?? 0, pullsCountedSince)
  if (idleSince >= nowMs - rule.notPulledForDays * dayMs) return undefined
  if (rule.fewerPullsThan !== null && pulls >= rule.fewerPullsThan) return undefined
  const last =
    lastPulledAt === null ? 'never pulled' : `pulled ${daysSince(lastPulledAt, nowMs)} ago`
  return [...since, pulls > 1 ? `${last}, ${pulls} times in all` : last]
}

/** Who pulls an index may then pull one of its children by digest alone. */
function pullsOf({ image, children }: Node): { pulls: number; lastPulledAt: number | null } {
  let { pulls, lastPulledAt } = image
  for (const child of children) {
    pulls = Math.max(pulls, child.image.pulls)
    if (child.image.lastPulledAt !== null) {
      lastPulledAt = Math.max(lastPulledAt ?? 0, child.image.lastPulledAt)
    }
  }
  return { pulls, lastPulledAt }
}

function daysSince(time: number, nowMs: number): string {
  const days = Math.floor((nowMs - time) / dayMs)
  return days === 1 ? '1 day' : `${days} days`
}

function reasonOf(
  { rule }: ReadyRule,
  found: {
    readonly unit: Unit
    readonly inRepository: string | undefined
    readonly since: readonly string[]
  },
): string {
  const { tag } = found.unit
  const pattern = tag === null ? undefined : rule.tags.find((each) => matchesTag(each, tag))
  const parts = [
    ...(tag === null ? ['no tag'] : []),
    ...(rule.cached ? ['came through a connector'] : []),
    ...(found.inRepository === undefined ? [] : [`the repository is ${found.inRepository}`]),
    ...(pattern === undefined ? [] : [`the tag is ${pattern}`]),
    ...(rule.versions === null ? [] : [`the version is ${rule.versions}`]),
    ...found.since,
    ...(rule.keepNewest === null ? [] : [`not one of the newest ${rule.keepNewest.count}`]),
    ...(rule.size === null ? [] : [`more than ${rule.size.overBytes} bytes`]),
  ]
  return parts.join('; ')
}

export function unitOf(node: Node, tag: string | null, pushedAt: number): Unit {
  return { node, tag, pushedAt, version: tag === null ? undefined : findVersion(tag) }
}
