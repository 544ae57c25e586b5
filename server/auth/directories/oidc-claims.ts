import { accessName } from '../../domain/access-name.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { DirectoryUser } from './directory-user.ts'
import type { OidcSettings } from './oidc-settings.ts'

type Claims = Readonly<Record<string, unknown>> & { readonly sub: string }

/** `sub` is never given to another (OpenID Connect Core, 2). */
const subjectPrefix = 'sub='

export function subjectOf(externalId: string): string {
  return externalId.slice(subjectPrefix.length)
}

/**
 * The user whom a provider's claims describe. Throws UNAUTHORIZED if there is no user name among
 * them, or if the provider names the groups elsewhere: rights would be wrong without them.
 */
export function userOfClaims(claims: Claims, settings: OidcSettings): DirectoryUser {
  const name = textOf(claims, settings.userNameClaim)
  if (name === '') {
    throw new RegistryError(
      'UNAUTHORIZED',
      `The provider does not tell the user name: there is no claim "${settings.userNameClaim}".`,
    )
  }
  const groups = groupsOf(claims, settings)
  return {
    externalId: `${subjectPrefix}${claims.sub}`,
    stableIdPrefix: subjectPrefix,
    name,
    displayName: textOf(claims, settings.displayNameClaim),
    email: textOf(claims, settings.emailClaim),
    groups,
    enabled: isAllowed(groups, settings.allowedGroups),
  }
}

function groupsOf(claims: Claims, { groupsClaim }: OidcSettings): readonly string[] {
  // OpenID Connect Core, 5.6.2: Entra ID does so for members of more than 200 groups.
  const elsewhere = claims._claim_names
  if (typeof elsewhere === 'object' && elsewhere !== null && groupsClaim in elsewhere) {
    throw new RegistryError(
      'UNAUTHORIZED',
      'The provider does not tell the groups, since there are too many: have it send only those that are assigned to this application.',
    )
  }
  const value = claims[groupsClaim] ?? []
  const names: readonly unknown[] = Array.isArray(value) ? value : [value]
  // Keycloak can send paths: /devs.
  return names.filter((each) => typeof each === 'string').map((each) => each.replace(/^\//, ''))
}

function isAllowed(groups: readonly string[], allowed: readonly string[]): boolean {
  if (allowed.length === 0) return true
  const keys = new Set(groups.map((group) => accessName(group).key))
  return allowed.some((group) => keys.has(accessName(group.replace(/^\//, '')).key))
}

function textOf(claims: Claims, claim: string): string {
  const value = claims[claim]
  return typeof value === 'string' ? value.trim() : ''
}
