import { RegistryError } from '../../domain/errors.ts'
import { firstValueOf, type LdapConnection } from './ldap-connection.ts'
import { filterText, memberInChain } from './ldap-filter.ts'
import type { LdapSettings } from './ldap-settings.ts'

/** A user of more groups than this is not let in: half of the groups would be wrong rights. */
const maxGroups = 2000
const groupsAtOnce = 50

/** The names of all groups that `dn` is in, of those around them too where groups are nested. */
export async function findGroupNames(
  connection: LdapConnection,
  settings: LdapSettings,
  dn: string,
): Promise<readonly string[]> {
  const base = settings.groupSearchBase
  if (base === null) return []
  const names = new Map<string, string>()
  let unasked = [dn]
  while (unasked.length > 0) {
    const asked = unasked.splice(0, groupsAtOnce)
    const entries = await connection.search({
      base,
      scope: 'sub',
      filter: groupsFilter(settings, asked),
      attributes: [settings.groupNameProperty],
      limit: maxGroups,
    })
    // Groups may be in one another: each is asked about once.
    const found = entries.filter((entry) => !names.has(entry.dn))
    for (const entry of found) names.set(entry.dn, firstValueOf(entry, settings.groupNameProperty))
    if (names.size > maxGroups) throw tooMany()
    if (settings.nestedGroups === 'search') unasked = [...unasked, ...found.map(({ dn }) => dn)]
  }
  return [...new Set([...names.values()].filter((name) => name !== ''))]
}

/** The groups that one of these is a member of. */
export function groupsFilter(settings: LdapSettings, dns: readonly string[]): string {
  const template =
    settings.nestedGroups === 'activeDirectory'
      ? `(&(objectClass=group)(member:${memberInChain}:=%s))`
      : settings.userGroupsFilter
  const filters = dns.map((dn) => filterText(template, dn))
  return filters.length === 1 ? filters.join('') : `(|${filters.join('')})`
}

function tooMany(): RegistryError {
  return new RegistryError('UNAVAILABLE', `The user is in more than ${maxGroups} groups.`)
}
