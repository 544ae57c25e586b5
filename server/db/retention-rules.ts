import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import type { RetentionCriteria } from '../domain/retention-rule.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

/** A rule as it is stored. */
export interface RetentionRuleRecord {
  readonly id: number
  readonly enabled: boolean
  /** JSON of a `RetentionCriteria`. */
  readonly criteria: string
}

const ofFeed = prepared((db, p: Params<{ feedId: number }>) =>
  db
    .selectFrom('retention_rules')
    .select(['id', 'enabled', 'criteria'])
    .where('feed_id', '=', p.feedId)
    .orderBy('position')
    .orderBy('id'),
)

/** A feed's rules, in the order in which they are applied. */
export async function listRetentionRules(
  db: Queries,
  feedId: number,
): Promise<RetentionRuleRecord[]> {
  const rows = await ofFeed.list(db, { feedId })
  return rows.map(({ id, enabled, criteria }) => ({ id, enabled: enabled === 1, criteria }))
}

/** Each rule is applied to each tag: more than these would be a mistake. */
const maxRules = 100

interface InFeed {
  readonly feedId: number
  readonly by: Actor
}

export interface NewRetentionRule extends InFeed {
  readonly enabled: boolean
  readonly criteria: RetentionCriteria
}

/** Behind all others. Throws NAME_UNKNOWN when the feed is gone, CONFLICT when it has too many. */
export async function insertRetentionRule(trx: Queries, input: NewRetentionRule): Promise<number> {
  const { feedId, enabled, criteria } = input
  const rules = await lockRules(trx, feedId)
  if (rules.length >= maxRules) {
    throw new RegistryError('CONFLICT', `The registry has ${maxRules} rules already.`)
  }
  const { id } = await trx
    .insertInto('retention_rules')
    .values({
      ...{ feed_id: feedId, enabled: enabled ? 1 : 0, criteria: JSON.stringify(criteria) },
      ...{ position: rules.length, created_at: nowMs },
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await numberRules(trx, [...rules.map((rule) => rule.id), id])
  await record(trx, 'retention.created', input, { rule: id, enabled, criteria })
  return id
}

/** Throws NOT_FOUND. */
export async function updateRetentionRule(
  trx: Queries,
  input: NewRetentionRule & { readonly id: number },
): Promise<void> {
  const { feedId, id, enabled, criteria } = input
  await lockRules(trx, feedId)
  const { numUpdatedRows } = await trx
    .updateTable('retention_rules')
    .set({ enabled: enabled ? 1 : 0, criteria: JSON.stringify(criteria) })
    .where('id', '=', id)
    .where('feed_id', '=', feedId)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) throw unknownRule(id)
  await record(trx, 'retention.changed', input, { rule: id, enabled, criteria })
}

/** Whether there was one. */
export async function deleteRetentionRule(
  trx: Queries,
  input: InFeed & { readonly id: number },
): Promise<boolean> {
  const { feedId, id } = input
  const { numDeletedRows } = await trx
    .deleteFrom('retention_rules')
    .where('id', '=', id)
    .where('feed_id', '=', feedId)
    .executeTakeFirstOrThrow()
  if (numDeletedRows === 0n) return false
  await record(trx, 'retention.deleted', input, { rule: id })
  return true
}

/** These first and in this order; those that are not named come after, as they were. NOT_FOUND. */
export async function orderRetentionRules(
  trx: Queries,
  input: InFeed & { readonly ids: readonly number[] },
): Promise<void> {
  const known = (await lockRules(trx, input.feedId)).map(({ id }) => id)
  const unknown = input.ids.find((id) => !known.includes(id))
  if (unknown !== undefined) throw unknownRule(unknown)
  const ordered = [...new Set([...input.ids, ...known])]
  await numberRules(trx, ordered)
  await record(trx, 'retention.ordered', input, { rules: ordered })
}

/** Whoever changes a feed's rules takes turns. */
async function lockRules(trx: Queries, feedId: number): Promise<RetentionRuleRecord[]> {
  const feed = await trx
    .selectFrom('feeds')
    .select('id')
    .where('id', '=', feedId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!feed) throw new RegistryError('NAME_UNKNOWN')
  return listRetentionRules(trx, feedId)
}

async function numberRules(trx: Queries, ids: readonly number[]): Promise<void> {
  for (const [position, id] of ids.entries()) {
    await trx.updateTable('retention_rules').set({ position }).where('id', '=', id).execute()
  }
}

async function record(
  trx: Queries,
  kind: string,
  { feedId, by }: InFeed,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await insertEvent(trx, { kind, by: by.name, address: by.address, feedId, detail })
}

function unknownRule(id: number): RegistryError {
  return new RegistryError('NOT_FOUND', `The registry has no retention rule ${id}.`)
}
