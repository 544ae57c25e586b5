import type { Attribute } from './attribute.ts'

/** To whom a rule applies. Everyone, Authenticated and Anonymous are groups that nobody edits. */
export type RulePrincipal =
  | { readonly kind: 'user'; readonly id: number }
  | { readonly kind: 'group'; readonly id: number }
  | { readonly kind: 'everyone' }
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'anonymous' }

/** Where a rule applies, from the narrowest to the widest. */
export type RuleScope =
  | { readonly kind: 'repositories'; readonly feedId: number; readonly pattern: string }
  | { readonly kind: 'feed'; readonly feedId: number }
  | { readonly kind: 'feedGroup'; readonly feedGroupId: number }
  | { readonly kind: 'everything' }

/** A permission (allow) or a restriction (deny): principal, task, scope. */
export interface Rule {
  readonly id: number
  readonly principal: RulePrincipal
  /** What the task's attributes stand for (`expandAttributes`). */
  readonly attributes: ReadonlySet<Attribute>
  readonly scope: RuleScope
  readonly deny: boolean
}

/** What is asked about: null for the server as a whole, a feed as a whole, or a repository in it. */
export interface Subject {
  readonly feedId: number
  readonly feedGroupId: number | null
  /** The name inside the feed. */
  readonly repository?: string
}
