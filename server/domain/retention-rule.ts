import type { FieldProblem } from './errors.ts'
import { parseRepositoryPattern } from './repository-pattern.ts'
import { faultOfTagPattern } from './tag-pattern.ts'

/**
 * What one rule says. A tag, or an untagged image, goes when every criterion that is given speaks
 * for it, and none of those that keep. Empty lists and null: not given.
 */
export interface RetentionCriteria {
  /** Tags, each with its image once that has no tag left; or images that have none. */
  readonly deletes: 'tags' | 'untagged'
  /** Only what came through a connector. */
  readonly cached: boolean
  readonly repositories: readonly string[]
  readonly keepRepositories: readonly string[]
  readonly tags: readonly string[]
  readonly keepTags: readonly string[]
  /** A range of semantic versions, as npm writes them. */
  readonly versions: string | null
  readonly keepVersions: string | null
  readonly pushedBeforeDays: number | null
  readonly notPulledForDays: number | null
  /** Goes with `notPulledForDays`. */
  readonly fewerPullsThan: number | null
  readonly keepNewest: { readonly count: number; readonly by: 'pushed' | 'version' } | null
  readonly size: RetentionSize | null
}

/** Deletes only until what matches, or the whole registry, is no larger. */
export interface RetentionSize {
  readonly overBytes: number
  readonly of: 'matching' | 'feed'
}

export interface RetentionRule extends RetentionCriteria {
  readonly id: number
}

/** Compiles a range; undefined for a text that is none. */
export type CompileRange = (range: string) => VersionRange | undefined

export interface VersionRange {
  /** As npm reads it: prereleases only where the range itself names one of that version. */
  includes(version: string): boolean
  /** Also prereleases: what keeps is read widely. */
  includesWidely(version: string): boolean
}

/** What is wrong with a rule, by field; empty: nothing. A rule that says nothing is wrong. */
export function listRuleProblems(
  rule: RetentionCriteria,
  compileRange: CompileRange,
): FieldProblem[] {
  const ranges = (['versions', 'keepVersions'] as const).flatMap((field) => {
    const range = rule[field]
    if (range === null || compileRange(range)) return []
    const message = `"${range}" is no range of versions: write it as npm does, ">=1.2.0 <2".`
    return [{ field, message }]
  })
  return [...patternProblems(rule), ...ranges, ...untaggedProblems(rule), ...meaningProblems(rule)]
}

function patternProblems(rule: RetentionCriteria): FieldProblem[] {
  const check = (field: keyof RetentionCriteria, fault: (text: string) => string | undefined) =>
    (rule[field] as readonly string[]).flatMap((text) => {
      const message = fault(text)
      return message === undefined ? [] : [{ field, message }]
    })
  return [
    ...check('repositories', faultOfRepositoryPattern),
    ...check('keepRepositories', faultOfRepositoryPattern),
    ...check('tags', faultOfTagPattern),
    ...check('keepTags', faultOfTagPattern),
  ]
}

function faultOfRepositoryPattern(text: string): string | undefined {
  try {
    parseRepositoryPattern(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Criteria that speak of tags, in a rule for what has none. */
function untaggedProblems(rule: RetentionCriteria): FieldProblem[] {
  if (rule.deletes === 'tags') return []
  const named = [
    ...(rule.tags.length > 0 ? ['tags'] : []),
    ...(rule.keepTags.length > 0 ? ['keepTags'] : []),
    ...(rule.versions !== null ? ['versions'] : []),
    ...(rule.keepVersions !== null ? ['keepVersions'] : []),
    ...(rule.keepNewest?.by === 'version' ? ['keepNewest'] : []),
  ]
  return named.map((field) => ({
    field,
    message: 'Untagged images have no tags: make a rule of its own for tags.',
  }))
}

function meaningProblems(rule: RetentionCriteria): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (rule.fewerPullsThan !== null && rule.notPulledForDays === null) {
    const message =
      'It needs notPulledForDays: else what was pushed a moment ago, and not pulled yet, would go.'
    problems.push({ field: 'fewerPullsThan', message })
  }
  if (rule.deletes === 'tags' && !namesWhatGoes(rule)) {
    const message = keeps(rule)
      ? 'The rule only says what to keep: say what is to go, for example tags: ["*"].'
      : 'The rule has no criterion: every tag of the registry would go. Say which ones.'
    problems.push({ field: 'deletes', message })
  }
  return problems
}

function namesWhatGoes(rule: RetentionCriteria): boolean {
  return (
    rule.cached ||
    rule.repositories.length > 0 ||
    rule.tags.length > 0 ||
    [rule.versions, rule.pushedBeforeDays, rule.notPulledForDays, rule.keepNewest, rule.size].some(
      (criterion) => criterion !== null,
    )
  )
}

function keeps(rule: RetentionCriteria): boolean {
  const { keepRepositories, keepTags, keepVersions } = rule
  return keepRepositories.length > 0 || keepTags.length > 0 || keepVersions !== null
}
