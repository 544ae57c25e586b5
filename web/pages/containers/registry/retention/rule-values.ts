import type { RuleFields } from './rule-words.ts'

const gigabyte = 1_000_000_000

/** What the fields of the form hold: numbers as they are typed, '' for none. */
export interface RuleValues extends Record<string, unknown> {
  enabled: boolean
  deletes: 'tags' | 'untagged'
  cached: boolean
  repositories: string[]
  keepRepositories: string[]
  tags: string[]
  keepTags: string[]
  versions: string
  keepVersions: string
  pushedBeforeDays: number | ''
  notPulledForDays: number | ''
  fewerPullsThan: number | ''
  keepNewest: number | ''
  keepNewestBy: 'pushed' | 'version'
  size: number | ''
  sizeOf: 'matching' | 'feed'
}

/** A rule that says nothing yet. */
export const newRule: RuleFields = {
  ...{ enabled: true, deletes: 'tags', cached: false },
  ...{ repositories: [], keepRepositories: [], tags: [], keepTags: [] },
  ...{ versions: null, keepVersions: null, pushedBeforeDays: null, notPulledForDays: null },
  ...{ fewerPullsThan: null, keepNewest: null, size: null },
}

export function valuesOf(rule: RuleFields): RuleValues {
  const { enabled, deletes, cached, keepNewest, size } = rule
  return {
    ...{ enabled, deletes, cached },
    repositories: [...rule.repositories],
    keepRepositories: [...rule.keepRepositories],
    tags: [...rule.tags],
    keepTags: [...rule.keepTags],
    versions: rule.versions ?? '',
    keepVersions: rule.keepVersions ?? '',
    pushedBeforeDays: rule.pushedBeforeDays ?? '',
    notPulledForDays: rule.notPulledForDays ?? '',
    fewerPullsThan: rule.fewerPullsThan ?? '',
    keepNewest: keepNewest === null ? '' : keepNewest.count,
    keepNewestBy: keepNewest === null ? 'pushed' : keepNewest.by,
    size: size === null ? '' : size.overBytes / gigabyte,
    sizeOf: size === null ? 'matching' : size.of,
  }
}

/** The rule that the fields say; what concerns tags is of no meaning for images without one. */
export function ruleOf(values: RuleValues): RuleFields {
  const ofTags = values.deletes === 'tags'
  const { keepNewest, size } = values
  return {
    enabled: values.enabled,
    deletes: values.deletes,
    cached: values.cached,
    repositories: values.repositories,
    keepRepositories: values.keepRepositories,
    tags: ofTags ? values.tags : [],
    keepTags: ofTags ? values.keepTags : [],
    versions: ofTags ? textOrNull(values.versions) : null,
    keepVersions: ofTags ? textOrNull(values.keepVersions) : null,
    pushedBeforeDays: numberOrNull(values.pushedBeforeDays),
    notPulledForDays: numberOrNull(values.notPulledForDays),
    fewerPullsThan: numberOrNull(values.fewerPullsThan),
    keepNewest:
      keepNewest === '' ? null : { count: keepNewest, by: ofTags ? values.keepNewestBy : 'pushed' },
    size: size === '' ? null : { overBytes: Math.round(size * gigabyte), of: values.sizeOf },
  }
}

function numberOrNull(value: number | ''): number | null {
  return value === '' ? null : value
}

function textOrNull(text: string): string | null {
  return text.trim() === '' ? null : text.trim()
}
