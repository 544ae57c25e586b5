import { queryOptions } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import { callPage } from '../../contract/call.ts'
import type { PermissionInfo } from '../../contract/security-permissions.ts'
import { client } from '../call.ts'

type Place = { readonly name: string; readonly feedGroup: string | null }

/** Permissions and restrictions that count for a registry: its own, its group's, those everywhere. */
export function registryRulesQuery({ name, feedGroup }: Place) {
  return queryOptions({
    queryKey: [api.securityPermissions.list.path, 'of', name, feedGroup],
    queryFn: async ({ signal }) => {
      const own: PermissionInfo[] = []
      let after: string | undefined
      do {
        const query = { count: '1000', ...(after !== undefined && { after }) }
        const page = await callPage({ ...client, signal }, api.securityPermissions.list, { query })
        own.push(...page.items.filter((rule) => countsFor(rule, { name, feedGroup })))
        after = page.next ?? undefined
      } while (after !== undefined)
      return own.sort((a, b) => narrowness(b) - narrowness(a) || a.id - b.id)
    },
  })
}

function countsFor(rule: PermissionInfo, { name, feedGroup }: Place): boolean {
  if (rule.feed !== null) return rule.feed === name
  return rule.feedGroup === null || rule.feedGroup === feedGroup
}

/** The narrower place comes first, as it does when rules are weighed (docs/access.md). */
function narrowness({ feed, feedGroup, repositories }: PermissionInfo): number {
  if (repositories !== null) return 3
  if (feed !== null) return 2
  return feedGroup === null ? 0 : 1
}
