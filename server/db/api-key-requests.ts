import type { Queries } from './database.ts'
import { chunksOf, greatest, nowMsOnce } from './sql.ts'

/** One request that a key made. */
export interface ApiKeyRequest {
  readonly id: number
  readonly at: number
  readonly address: string
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly status: number
}

export interface NewApiKeyRequest extends Omit<ApiKeyRequest, 'id'> {
  readonly keyId: number
}

/** When and from where a key was last used. */
export interface ApiKeyUse {
  readonly keyId: number
  readonly at: number
  readonly address: string
}

/** The requests of a key with a smaller id than `before`, the newest first. */
export async function listRequests(
  db: Queries,
  page: { readonly keyId: number; readonly before: number | null; readonly count: number },
): Promise<ApiKeyRequest[]> {
  const { keyId, before, count } = page
  let query = db
    .selectFrom('api_key_requests')
    .select(['id', 'at', 'address', 'method', 'path', 'status'])
    .where('key_id', '=', keyId)
  if (before !== null) query = query.where('id', '<', before)
  return await query.orderBy('id', 'desc').limit(count).execute()
}

/**
 * Writes down what keys did in the last seconds, and of each key keeps the newest `maxRequests`
 * requests only. Keys that are gone are passed over.
 */
export async function recordApiKeyUses(
  trx: Queries,
  input: {
    readonly uses: readonly ApiKeyUse[]
    readonly requests: readonly NewApiKeyRequest[]
    readonly maxRequests: number
  },
): Promise<void> {
  const { uses, requests, maxRequests } = input
  // In one order: two servers of one database that write at the same time wait for each other.
  for (const { keyId, at, address } of [...uses].sort((a, b) => a.keyId - b.keyId)) {
    await trx
      .updateTable('api_keys')
      .set((eb) => ({
        last_used_at: greatest(eb.fn.coalesce('last_used_at', eb.lit(0)), at),
        last_used_address: address,
      }))
      .where('id', '=', keyId)
      .execute()
  }
  const known = await existingKeys(trx, [...new Set(requests.map(({ keyId }) => keyId))])
  const rows = requests.filter(({ keyId }) => known.has(keyId))
  for (const chunk of chunksOf(rows, 100)) {
    await trx
      .insertInto('api_key_requests')
      .values(chunk.map(({ keyId, ...request }) => ({ ...request, key_id: keyId })))
      .execute()
  }
  for (const keyId of known) await cutRequests(trx, keyId, maxRequests)
}

/** Removes requests that are too old, the oldest first; how many. */
export async function deleteOldRequests(
  trx: Queries,
  input: { readonly maxAgeMs: number; readonly limit: number },
): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('api_key_requests')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('api_key_requests')
        .select('id')
        .where('at', '<', eb(nowMsOnce, '-', input.maxAgeMs))
        .orderBy('at')
        .limit(input.limit),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

async function existingKeys(trx: Queries, ids: readonly number[]): Promise<Set<number>> {
  const known = new Set<number>()
  for (const chunk of chunksOf(ids)) {
    const rows = await trx.selectFrom('api_keys').select('id').where('id', 'in', chunk).execute()
    for (const { id } of rows) known.add(id)
  }
  return known
}

async function cutRequests(trx: Queries, keyId: number, maxRequests: number): Promise<void> {
  const last = await trx
    .selectFrom('api_key_requests')
    .select('id')
    .where('key_id', '=', keyId)
    .orderBy('id', 'desc')
    .offset(maxRequests)
    .limit(1)
    .executeTakeFirst()
  if (last === undefined) return
  await trx
    .deleteFrom('api_key_requests')
    .where('key_id', '=', keyId)
    .where('id', '<=', last.id)
    .execute()
}
