import type { Db } from '../db/database.ts'
import {
  deleteRetentionRule,
  insertRetentionRule,
  listRetentionRules,
  orderRetentionRules,
  type RetentionRuleRecord,
  updateRetentionRule,
} from '../db/retention-rules.ts'
import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import {
  listRuleProblems,
  type RetentionCriteria,
  type RetentionRule,
} from '../domain/retention-rule.ts'
import { compileRange } from './version-range.ts'

export interface FeedRule extends RetentionRule {
  readonly enabled: boolean
}

/** What is given of a rule; what is absent is as it was, or says nothing. */
export type RuleFields = {
  readonly [Field in keyof (RetentionCriteria & { enabled: boolean })]?:
    | (RetentionCriteria & { enabled: boolean })[Field]
    | undefined
}

interface Deps {
  readonly db: Db
  readonly by: Actor
}

/** Says nothing: what a new rule begins with. */
const blank: RetentionCriteria & { readonly enabled: boolean } = {
  enabled: true,
  deletes: 'tags',
  cached: false,
  repositories: [],
  keepRepositories: [],
  tags: [],
  keepTags: [],
  versions: null,
  keepVersions: null,
  pushedBeforeDays: null,
  notPulledForDays: null,
  fewerPullsThan: null,
  keepNewest: null,
  size: null,
}

/** A feed's rules, those too that are switched off, in their order. */
export async function listRules({ db }: Pick<Deps, 'db'>, feedId: number): Promise<FeedRule[]> {
  return (await listRetentionRules(db.read, feedId)).map(ruleOf)
}

/** Throws NOT_FOUND. */
export async function getRule(
  { db }: Pick<Deps, 'db'>,
  feedId: number,
  id: number,
): Promise<FeedRule> {
  const rule = (await listRules({ db }, feedId)).find((each) => each.id === id)
  if (rule) return rule
  throw new RegistryError('NOT_FOUND', `The registry has no retention rule ${id}.`)
}

/** Throws INVALID_FIELDS, naming each field, for a rule that says nothing or nonsense. */
export async function createRule(
  { db, by }: Deps,
  feedId: number,
  fields: RuleFields,
): Promise<FeedRule> {
  const { enabled, ...criteria } = checkRule(fields)
  const id = await db.write(insertRetentionRule, { feedId, enabled, criteria, by })
  return await getRule({ db }, feedId, id)
}

/** Changes what is named. Throws as `createRule`, or NOT_FOUND. */
export async function changeRule(
  { db, by }: Deps,
  feedId: number,
  { id, ...fields }: RuleFields & { readonly id: number },
): Promise<FeedRule> {
  const { id: _, ...before } = await getRule({ db }, feedId, id)
  const { enabled, ...criteria } = checkRule(fields, before)
  await db.write(updateRetentionRule, { feedId, id, enabled, criteria, by })
  return await getRule({ db }, feedId, id)
}

/** Whether there was one. */
export async function removeRule({ db, by }: Deps, feedId: number, id: number): Promise<boolean> {
  return await db.write(deleteRetentionRule, { feedId, id, by })
}

/** These first, in this order. Throws NOT_FOUND, naming the one that is not there. */
export async function reorderRules(
  { db, by }: Deps,
  feedId: number,
  ids: readonly number[],
): Promise<FeedRule[]> {
  await db.write(orderRetentionRules, { feedId, ids, by })
  return await listRules({ db }, feedId)
}

/** A whole rule. Throws INVALID_FIELDS with everything that is wrong with it. */
export function checkRule(
  fields: RuleFields,
  before: RetentionCriteria & { readonly enabled: boolean } = blank,
): RetentionCriteria & { readonly enabled: boolean } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const rule = { ...before, ...Object.fromEntries(given) }
  const problems = listRuleProblems(rule, compileRange)
  const [first] = problems
  if (first) throw new RegistryError('INVALID_FIELDS', first.message, { detail: problems })
  return rule
}

function ruleOf({ id, enabled, criteria }: RetentionRuleRecord): FeedRule {
  // A rule of an older version may lack what came later.
  const stored = JSON.parse(criteria) as Partial<RetentionCriteria>
  return { ...blank, ...stored, id, enabled }
}
