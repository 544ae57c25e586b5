import {
  type Follower,
  ImageGraph,
  type Node,
  type RetentionRepository,
} from './retention-images.ts'
import {
  type Match,
  type Moment,
  matchUnits,
  type ReadyRule,
  type Unit,
  unitOf,
} from './retention-matches.ts'
import type { CompileRange, RetentionRule } from './retention-rule.ts'
import { matchesTag } from './tag-pattern.ts'

/** A tag or an image that goes; of each rule its tags first. */
export interface Going {
  /** Null: the image itself. */
  readonly tag: string | null
  readonly digest: string
  /** The rule's id. */
  readonly rule: number
  readonly reason: string
  /** The digest of what it follows: it is let go of together with that, not by itself. */
  readonly follows: string | null
}

/** What a rule would have taken, and why it did not. */
export interface Kept {
  readonly tag: string | null
  readonly digest: string
  readonly rule: number
  readonly reason: string
}

export interface Verdict {
  readonly going: readonly Going[]
  readonly kept: readonly Kept[]
}

/** An image that a rule with a size may take: earlier ones go first. */
export interface SizeCandidate {
  readonly digest: string
  /** 0: through a connector, 1: prereleases only, 2: others. */
  readonly rank: 0 | 1 | 2
  readonly pushedAt: number
  readonly sizeBytes: number
}

export interface Judgement extends Moment {
  readonly rules: readonly RetentionRule[]
  readonly repository: RetentionRepository
  readonly compileRange: CompileRange
  /** What of its candidates a rule with a size takes. */
  readonly isPicked: (rule: number, digest: string) => boolean
}

/**
 * Applies the rules one after the other to a repository: which tags and images go, by which rule
 * and why, and what was kept. An image goes with its last tag, unless an index or the image that
 * it is about holds it; what only it held follows. Nothing is read and nothing is written.
 */
export function judgeRepository(judgement: Judgement): Verdict {
  const graph = new ImageGraph(judgement.repository)
  const going: Going[] = []
  const kept: Kept[] = []
  for (const rule of judgement.rules) {
    const verdict = applyRule(judgement, rule, graph)
    for (const each of verdict.going) going.push(each)
    for (const each of verdict.kept) kept.push(each)
  }
  return { going, kept }
}

/** What the rule, which has a size, could take after those before it. */
export function listSizeCandidates(judgement: Judgement, rule: RetentionRule): SizeCandidate[] {
  const graph = new ImageGraph(judgement.repository)
  for (const before of judgement.rules) {
    if (before.id === rule.id) break
    applyRule(judgement, before, graph)
  }
  const matches = matchesOf(judgement, rule, graph).filter(({ keptBy }) => keptBy === null)
  return [...wholeImages(graph, matches)].map(([node, units]) => ({
    digest: node.image.digest,
    rank: rankOf(node, units),
    pushedAt: Math.max(...units.map(({ pushedAt }) => pushedAt)),
    sizeBytes: node.image.sizeBytes,
  }))
}

/** The order in which a rule with a size takes images, those of all repositories together. */
export function compareCandidates(a: SizeCandidate, b: SizeCandidate): number {
  return a.rank - b.rank || a.pushedAt - b.pushedAt || order(a.digest, b.digest)
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function applyRule(judgement: Judgement, rule: RetentionRule, graph: ImageGraph): Verdict {
  const matches = matchesOf(judgement, rule, graph)
  const taken = takenOf(judgement, rule, { graph, matches })
  const going: Going[] = []
  const itemOf = ({ unit: { node, tag }, reason }: Match) => {
    return { tag, digest: node.image.digest, rule: rule.id, reason, follows: null }
  }
  for (const match of taken) {
    const { node, tag } = match.unit
    if (tag === null || !node.tags.delete(tag)) continue
    going.push(itemOf(match))
  }
  const keepsTag = (tag: string) => rule.keepTags.some((pattern) => matchesTag(pattern, tag))
  for (const match of taken) {
    const { node, tag } = match.unit
    if (!graph.isFree(node)) continue
    const reason = tag === null ? match.reason : `its last tag goes: ${match.reason}`
    going.push({ ...itemOf(match), tag: null, reason })
    for (const follower of graph.remove(node, keepsTag)) going.push(followerItem(rule, follower))
  }
  const kept = matches.flatMap((match) =>
    match.keptBy === null
      ? []
      : [
          {
            tag: match.unit.tag,
            digest: match.unit.node.image.digest,
            rule: rule.id,
            reason: match.keptBy,
          },
        ],
  )
  return { going, kept }
}

function followerItem(rule: RetentionRule, { node, tag, follows }: Follower): Going {
  const reason = tag === null ? `nothing but ${follows} held it` : `it is about ${follows}`
  return { tag, digest: node.image.digest, rule: rule.id, reason, follows }
}

function matchesOf(judgement: Judgement, rule: RetentionRule, graph: ImageGraph): Match[] {
  const { repository, compileRange } = judgement
  const compiled = (range: string | null) => (range === null ? null : (compileRange(range) ?? none))
  const ready: ReadyRule = {
    rule,
    versions: compiled(rule.versions),
    keepVersions: rule.keepVersions === null ? null : (compileRange(rule.keepVersions) ?? all),
  }
  const units = rule.deletes === 'tags' ? tagUnits(graph) : untaggedUnits(graph)
  return matchUnits(ready, repository.name, units, judgement)
}

// A range that this version cannot read deletes nothing, and keeps everything.
const none = { includes: () => false, includesWidely: () => false }
const all = { includes: () => true, includesWidely: () => true }

/** Tags, but for those that speak of an image which stays: they follow it. */
function tagUnits(graph: ImageGraph): Unit[] {
  return graph.nodes.flatMap((node) =>
    node.image.tags.flatMap(({ name, pushedAt }) => {
      if (!node.tags.has(name)) return []
      const signed = graph.signedBy(node, name)
      return signed && !signed.gone ? [] : [unitOf(node, name, pushedAt)]
    }),
  )
}

function untaggedUnits(graph: ImageGraph): Unit[] {
  return graph.nodes.flatMap((node) =>
    graph.isFree(node) && !node.image.orphaned ? [unitOf(node, null, node.image.pushedAt)] : [],
  )
}

function takenOf(
  { isPicked }: Judgement,
  rule: RetentionRule,
  { graph, matches }: { readonly graph: ImageGraph; readonly matches: readonly Match[] },
): Match[] {
  const going = matches.filter(({ keptBy }) => keptBy === null)
  if (rule.size === null) return going
  const whole = wholeImages(graph, going)
  return going.filter(
    ({ unit: { node } }) => whole.has(node) && isPicked(rule.id, node.image.digest),
  )
}

/** Images that would really go: all their tags match, and nothing else holds them. */
function wholeImages(graph: ImageGraph, matches: readonly Match[]): Map<Node, Unit[]> {
  const byNode = new Map<Node, Unit[]>()
  for (const { unit } of matches) {
    const units = byNode.get(unit.node)
    if (units === undefined) byNode.set(unit.node, [unit])
    else units.push(unit)
  }
  for (const [node, units] of byNode) {
    const matched = units.filter(({ tag }) => tag !== null).length
    if (matched < node.tags.size || !graph.isFreeButForTags(node)) byNode.delete(node)
  }
  return byNode
}

function rankOf({ image }: Node, units: readonly Unit[]): SizeCandidate['rank'] {
  if (image.cached) return 0
  const isPrerelease = ({ version }: Unit) => (version?.prerelease.length ?? 0) > 0
  return units.every(isPrerelease) ? 1 : 2
}
