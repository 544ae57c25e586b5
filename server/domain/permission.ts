import type { Attribute } from './attribute.ts'
import { matchesPattern } from './repository-pattern.ts'
import {
  type ApplicableRules,
  coversSubject,
  type Decision,
  decide,
  type Rule,
  type Subject,
} from './rule.ts'
import { type Action, attributesOf } from './scope.ts'

/** What an API key is kept to, whatever the rules give: all of them must allow. */
export interface Bounds {
  /** Null: every attribute. */
  readonly attributes: ReadonlySet<Attribute> | null
  /** A feed, or a feed group; null: everywhere. */
  readonly feedId: number | null
  readonly feedGroupId: number | null
  /** A pattern of repository names; null: all. A feed or the server as a whole is outside of it. */
  readonly repositories: string | null
}

/** Who is calling, as of now: its rules are read anew, never remembered with its password. */
export interface Principal {
  readonly kind: 'user' | 'key' | 'anonymous'
  /** The row's id; 0 for Anonymous. */
  readonly id: number
  /** For logs and history: `Admin`, `API key 3 (ci)`, `Anonymous`. */
  readonly name: string
  /** Changes when the secret does: what was issued for an older version is void. */
  readonly credentialVersion: number
  readonly rules: ApplicableRules
  /** Null: no bounds but the rules. */
  readonly bounds: Bounds | null
}

/** Why something is allowed or not. */
export interface Explanation extends Decision {
  /** Whether it is the bounds of an API key that stand in the way. */
  readonly outOfBounds: boolean
}

/** Whether the principal has the attribute there. `subject` null asks about the whole server. */
export function may(principal: Principal, attribute: Attribute, subject: Subject | null): boolean {
  const { bounds, rules } = principal
  if (bounds !== null && !isInside(bounds, attribute, subject)) return false
  return decide(rules, attribute, subject).allowed
}

/** Whether the principal has all that the action needs there. */
export function mayAct(principal: Principal, action: Action, subject: Subject): boolean {
  return attributesOf(action).every((attribute) => may(principal, attribute, subject))
}

/** As `may`, with what decided. */
export function explain(
  principal: Pick<Principal, 'rules' | 'bounds'>,
  attribute: Attribute,
  subject: Subject | null,
): Explanation {
  const { bounds, rules } = principal
  const { allowed, rule } = decide(rules, attribute, subject)
  const outOfBounds = bounds !== null && !isInside(bounds, attribute, subject)
  return { allowed: allowed && !outOfBounds, rule, outOfBounds }
}

/** Whether the principal may view the feed, or some repositories in it. */
export function seesFeed(
  { rules, bounds }: Principal,
  feed: Pick<Subject, 'feedId' | 'feedGroupId'>,
): boolean {
  const view = 'Feeds_ViewFeed'
  const subject = { feedId: feed.feedId, feedGroupId: feed.feedGroupId }
  if (bounds && !isInside({ ...bounds, repositories: null }, view, subject)) return false
  return opensSomething(
    rules.filter(({ attributes }) => attributes.has(view)),
    subject,
  )
}

function opensSomething(rules: readonly Rule[], feed: Subject): boolean {
  const closed = new Set<string>()
  for (const { scope, deny } of rules) {
    // It covers every repository that no rule before it spoke of.
    if (scope.kind !== 'repositories') {
      if (coversSubject(scope, feed)) return !deny
    } else if (scope.feedId === feed.feedId) {
      // What a restriction before it closed whole stays closed.
      if (!deny && !closed.has(scope.pattern) && !closed.has('**')) return true
      closed.add(scope.pattern)
    }
  }
  return false
}

/** Whether the attribute is given for every repository of the feed: no pattern takes part of it. */
export function mayInAll(
  principal: Principal,
  attribute: Attribute,
  feed: Pick<Subject, 'feedId' | 'feedGroupId'>,
): boolean {
  const { feedId, feedGroupId } = feed
  const patterns = principal.rules.some(
    ({ attributes, scope }) =>
      scope.kind === 'repositories' && scope.feedId === feedId && attributes.has(attribute),
  )
  return !patterns && may(principal, attribute, { feedId, feedGroupId })
}

/** Whether there is anything at all, perhaps, that the principal may view. */
export function mayViewSomething({ rules }: Principal): boolean {
  return rules.some(({ attributes, deny }) => !deny && attributes.has('Feeds_ViewFeed'))
}

function isInside(bounds: Bounds, attribute: Attribute, subject: Subject | null): boolean {
  const { attributes, feedId, feedGroupId, repositories } = bounds
  if (attributes !== null && !attributes.has(attribute)) return false
  if (feedId !== null && feedId !== subject?.feedId) return false
  if (feedGroupId !== null && feedGroupId !== subject?.feedGroupId) return false
  if (repositories === null) return true
  return subject?.repository !== undefined && matchesPattern(repositories, subject.repository)
}
