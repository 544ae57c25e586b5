import type { PermissionInfo } from '../../contract/security-permissions.ts'

type Where = Pick<PermissionInfo, 'feed' | 'feedGroup' | 'repositories'>

/** "main / team/**", "the registries of shop", "everywhere". */
export function whereInWords({ feed, feedGroup, repositories }: Where): string {
  if (feedGroup !== null) return `the registries of ${feedGroup}`
  if (feed === null) return 'everywhere'
  return repositories === null ? feed : `${feed} / ${repositories}`
}

/** Groups that are always there. The API takes and gives them where it names users. */
export const virtualGroups = ['Everyone', 'Authenticated', 'Anonymous'] as const

/** Whether it is one of them. */
export function isVirtualGroup(name: string): boolean {
  return virtualGroups.some((each) => each.toLowerCase() === name.toLowerCase())
}

/** "the group devs". */
export function whomInWords({ user, group }: Pick<PermissionInfo, 'user' | 'group'>): string {
  if (user === null) return `the group ${group}`
  return isVirtualGroup(user) ? user : `the user ${user}`
}

/** "Number 7: the group devs may Publish Packages in main." */
export function ruleInWords(rule: PermissionInfo): string {
  const verb = rule.deny ? 'may not' : 'may'
  const place = whereInWords(rule)
  const where = place === 'everywhere' ? place : `in ${place}`
  return `Number ${rule.id}: ${whomInWords(rule)} ${verb} ${rule.task} ${where}`
}
