import type { RetentionRuleInfo } from '../../../../../contract/retention.ts'
import { counted } from '../../../../parts/count.tsx'
import { formatSize } from '../../../../parts/size.tsx'

/** A rule, or one that is being written. */
export type RuleFields = Omit<RetentionRuleInfo, 'id'>

/** "Deletes tags pr-*, pushed more than 30 days ago; keeps the newest 5 of each repository". */
export function ruleInWords(rule: RuleFields): string {
  const goes = [rule.deletes === 'tags' ? tagsInWords(rule) : 'images without a tag']
  if (rule.repositories.length > 0) goes.push(`in ${rule.repositories.join(', ')}`)
  const when = whenInWords(rule)
  const keeps = keepsInWords(rule)
  const deletes = `Deletes ${goes.join(' ')}${when.length > 0 ? ` ${when.join(' and ')}` : ''}`
  return keeps.length > 0 ? `${deletes}; keeps ${keeps.join(', ')}` : deletes
}

function tagsInWords({ tags, versions }: RuleFields): string {
  const named = tags.length === 0 ? 'tags' : `tags ${tags.join(', ')}`
  return versions === null ? named : `${named} with a version ${versions}`
}

function whenInWords(rule: RuleFields): string[] {
  const { pushedBeforeDays, notPulledForDays, fewerPullsThan, cached, size } = rule
  const all = [
    pushedBeforeDays !== null && `pushed more than ${counted(pushedBeforeDays, 'day')} ago`,
    notPulledForDays !== null && `not pulled for ${counted(notPulledForDays, 'day')}`,
    fewerPullsThan !== null && `with fewer than ${counted(fewerPullsThan, 'pull')}`,
    cached && 'that came through a connector',
    size !== null &&
      `while ${size.of === 'feed' ? 'the registry is' : 'they are'} over ${formatSize(size.overBytes)}`,
  ]
  return all.filter((text) => text !== false)
}

function keepsInWords(rule: RuleFields): string[] {
  const { keepNewest, keepTags, keepVersions, keepRepositories } = rule
  const all = [
    keepNewest !== null && `the newest ${keepNewest.count} of each repository by ${by(keepNewest)}`,
    keepTags.length > 0 && `tags ${keepTags.join(', ')}`,
    keepVersions !== null && `versions ${keepVersions}`,
    keepRepositories.length > 0 && `all in ${keepRepositories.join(', ')}`,
  ]
  return all.filter((text) => text !== false)
}

function by({ by }: { readonly by: 'pushed' | 'version' }): string {
  return by === 'pushed' ? 'push' : 'version'
}
