import { type Attribute, serverAttributes } from './attribute.ts'
import { matchesPattern } from './repository-pattern.ts'

/** Everyone, Authenticated and Anonymous are groups that nobody edits. */
export const virtualGroups = ['everyone', 'authenticated', 'anonymous'] as const
export type VirtualGroup = (typeof virtualGroups)[number]

/** To whom a rule applies. */
export type RulePrincipal =
  | { readonly kind: 'user'; readonly id: number }
  | { readonly kind: 'group'; readonly id: number }
  | { readonly kind: VirtualGroup }
  /** What an API key itself says; counts like a user's own rule. */
  | { readonly kind: 'key'; readonly id: number }

/** Where a rule applies, from the narrowest to the widest. */
export type RuleScope =
  | { readonly kind: 'repositories'; readonly feedId: number; readonly pattern: string }
  | { readonly kind: 'feed'; readonly feedId: number }
  | { readonly kind: 'feedGroup'; readonly feedGroupId: number }
  | { readonly kind: 'everything' }

/** A permission (allow) or a restriction (deny): principal, task, scope. */
export interface Rule {
  /** 0 for what an API key itself says. */
  readonly id: number
  readonly principal: RulePrincipal
  /** What the task's attributes stand for (`expandAttributes`). */
  readonly attributes: ReadonlySet<Attribute>
  readonly scope: RuleScope
  readonly deny: boolean
}

/** What is asked about: a feed as a whole, or a repository in it. */
export interface Subject {
  readonly feedId: number
  readonly feedGroupId: number | null
  /** The name inside the feed. */
  readonly repository?: string
}

/** Whom rules are looked up for. */
export interface RuleCaller {
  /** Null for an API key, Anonymous, and a group by itself. */
  readonly userId: number | null
  readonly groupIds: readonly number[]
  readonly virtualGroups: readonly VirtualGroup[]
}

/** Who sent no credentials. */
export const anonymousGroups: readonly VirtualGroup[] = ['anonymous', 'everyone']
/** What holds for all, known or not. */
export const everybodysGroups: readonly VirtualGroup[] = ['everyone']
/** Whoever is known: users and most API keys. */
export const authenticatedGroups: readonly VirtualGroup[] = ['authenticated', 'everyone']

/** Rules that apply to one caller, the one that decides first before the others (`rulesFor`). */
export type ApplicableRules = readonly Rule[] & { readonly brand: 'ApplicableRules' }

export interface Decision {
  readonly allowed: boolean
  /** The rule that decided; null when none matched, which denies. */
  readonly rule: Rule | null
}

/** The caller's own rules and those of its groups, in the order in which they decide. */
export function rulesFor(caller: RuleCaller, rules: readonly Rule[]): ApplicableRules {
  const applicable: readonly Rule[] = rules
    .filter(({ principal }) => appliesTo(principal, caller))
    .sort((a, b) => weight(a) - weight(b) || a.id - b.id)
  return applicable as ApplicableRules
}

/**
 * Whether the attribute is given there; `subject` null asks about the server as a whole. The first
 * rule that matches decides: (1) the user's own before those of groups, (2) the narrower scope
 * first (repositories, feed, feed group, everything), (3) a restriction before a permission. When
 * none matches it is denied. A server's attribute is only a matter of rules for everything.
 */
export function decide(
  rules: ApplicableRules,
  attribute: Attribute,
  subject: Subject | null,
): Decision {
  const place = isServerAttribute(attribute) ? null : subject
  for (const rule of rules) {
    if (rule.attributes.has(attribute) && coversSubject(rule.scope, place)) {
      return { allowed: !rule.deny, rule }
    }
  }
  return nothingMatched
}

/** Whether a rule of this scope says something about the subject. */
export function coversSubject(scope: RuleScope, subject: Subject | null): boolean {
  switch (scope.kind) {
    case 'everything':
      return true
    case 'feedGroup':
      return scope.feedGroupId === subject?.feedGroupId
    case 'feed':
      return scope.feedId === subject?.feedId
    case 'repositories':
      return (
        scope.feedId === subject?.feedId &&
        subject.repository !== undefined &&
        matchesPattern(scope.pattern, subject.repository)
      )
  }
}

const nothingMatched: Decision = Object.freeze({ allowed: false, rule: null })
const scopeOrder = ['repositories', 'feed', 'feedGroup', 'everything'] as const

function appliesTo(principal: RulePrincipal, caller: RuleCaller): boolean {
  switch (principal.kind) {
    case 'user':
      return principal.id === caller.userId
    case 'group':
      return caller.groupIds.includes(principal.id)
    case 'key':
      return true
    default:
      return caller.virtualGroups.includes(principal.kind)
  }
}

/** The three criteria as one number, the first to decide the smallest. */
function weight({ principal, scope, deny }: Rule): number {
  const own = principal.kind === 'user' || principal.kind === 'key'
  return (own ? 0 : 100) + 10 * scopeOrder.indexOf(scope.kind) + (deny ? 0 : 1)
}

function isServerAttribute(attribute: Attribute): boolean {
  return (serverAttributes as readonly Attribute[]).includes(attribute)
}
