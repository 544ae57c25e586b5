import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { insertEvent, insertEventBy } from './events.ts'
import { nowMs } from './sql.ts'

/** A connector as it is stored; `secret` is encrypted. */
export interface ConnectorRecord {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly enabled: boolean
  /** Another feed of this server; null: `settings` has a URL. */
  readonly feedId: number | null
  /** JSON, without secrets. */
  readonly settings: string
  readonly secret: string | null
  /** Another one after each change. */
  readonly version: number
}

/** Every connector, by name. */
export async function listConnectorRecords(db: Queries): Promise<ConnectorRecord[]> {
  const rows = await db.selectFrom('connectors').selectAll().orderBy('key').execute()
  return rows.map(({ id, name, key, enabled, feed_id: feedId, settings, secret, version }) => ({
    ...{ id, name, key, feedId, settings, secret, version },
    enabled: enabled === 1,
  }))
}

export interface Attachment {
  readonly feedId: number
  readonly connectorId: number
}

/** Which feeds have which connectors, of each feed in the order in which they are asked. */
export async function listAttachments(db: Queries): Promise<Attachment[]> {
  return db
    .selectFrom('feed_connectors')
    .select(['feed_id as feedId', 'connector_id as connectorId'])
    .orderBy('feed_id')
    .orderBy('position')
    .execute()
}

type Fields = Omit<ConnectorRecord, 'id' | 'version'>

/** Throws CONFLICT when the name is taken. */
export async function insertConnector(
  trx: Queries,
  { by, ...fields }: Fields & { readonly by: Actor },
): Promise<number> {
  const row = await trx
    .insertInto('connectors')
    .values({ ...rowOf(fields), version: 1, created_at: nowMs })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw nameTaken(fields.name)
  await insertEventBy(trx, 'connector.created', by, {
    connector: fields.name,
    enabled: fields.enabled,
  })
  return row.id
}

/** Throws NOT_FOUND, CONFLICT when the name is taken, INVALID_FIELDS when feeds would go in a circle. */
export async function updateConnector(
  trx: Queries,
  input: Fields & {
    readonly id: number
    /** Names of the settings that change, for the audit. */
    readonly changed: readonly string[]
    readonly by: Actor
  },
): Promise<void> {
  const { id, changed, by, ...fields } = input
  const other = await trx
    .selectFrom('connectors')
    .select('id')
    .where('key', '=', fields.key)
    .executeTakeFirst()
  if (other !== undefined && other.id !== id) throw nameTaken(fields.name)
  const { numUpdatedRows } = await trx
    .updateTable('connectors')
    .set((eb) => ({ ...rowOf(fields), version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) {
    throw new RegistryError('NOT_FOUND', `There is no connector "${fields.name}".`)
  }
  await refuseCircle(trx)
  await insertEventBy(trx, 'connector.changed', by, { connector: fields.name, changed })
}

/** Whether there was such a connector. What came through it stays. */
export async function deleteConnector(
  trx: Queries,
  { id, by }: { readonly id: number; readonly by: Actor },
): Promise<boolean> {
  const row = await trx
    .deleteFrom('connectors')
    .where('id', '=', id)
    .returning('name')
    .executeTakeFirst()
  if (row === undefined) return false
  await insertEventBy(trx, 'connector.deleted', by, { connector: row.name })
  return true
}

/** The feed asks these, in this order, and no other. Throws INVALID_FIELDS for a circle of feeds. */
export async function attachConnectors(
  trx: Queries,
  input: {
    readonly feedId: number
    readonly connectorIds: readonly number[]
    readonly names: readonly string[]
    readonly by: Actor
  },
): Promise<void> {
  const { feedId, connectorIds, names, by } = input
  await trx.selectFrom('feeds').select('id').where('id', '=', feedId).forNoKeyUpdate().execute()
  await trx.deleteFrom('feed_connectors').where('feed_id', '=', feedId).execute()
  const rows = connectorIds.map((connectorId, position) => ({
    ...{ feed_id: feedId, connector_id: connectorId, position },
  }))
  if (rows.length > 0) await trx.insertInto('feed_connectors').values(rows).execute()
  await refuseCircle(trx)
  await insertEvent(trx, {
    ...{ kind: 'feed.changed', by: by.name, address: by.address, feedId },
    detail: { connectors: names },
  })
}

/** Feeds that are connectors of each other would ask each other for ever. */
async function refuseCircle(trx: Queries): Promise<void> {
  const edges = await trx
    .selectFrom('feed_connectors')
    .innerJoin('connectors', 'connectors.id', 'feed_connectors.connector_id')
    .select(['feed_connectors.feed_id as from', 'connectors.feed_id as to', 'connectors.name'])
    .where('connectors.feed_id', 'is not', null)
    .execute()
  const targets = new Map<number, { to: number; name: string }[]>()
  for (const { from, to, name } of edges) {
    if (to !== null) targets.set(from, [...(targets.get(from) ?? []), { to, name }])
  }
  for (const start of targets.keys()) {
    const names = circleFrom(start, targets)
    if (names === undefined) continue
    const message = `The registries would ask each other in a circle, by way of ${names.join(', ')}.`
    throw new RegistryError('INVALID_FIELDS', message, {
      detail: [{ field: 'connectors', message }],
    })
  }
}

/** The connectors that lead from the feed back to itself. */
function circleFrom(
  start: number,
  targets: ReadonlyMap<number, readonly { readonly to: number; readonly name: string }[]>,
): string[] | undefined {
  const seen = new Set<number>()
  const ways: { feed: number; names: string[] }[] = [{ feed: start, names: [] }]
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    for (const { to, name } of targets.get(way.feed) ?? []) {
      const names = [...way.names, name]
      if (to === start) return names
      if (seen.has(to)) continue
      seen.add(to)
      ways.push({ feed: to, names })
    }
  }
  return undefined
}

function rowOf({ name, key, enabled, feedId, settings, secret }: Fields) {
  return {
    ...{ name, key, settings, secret, feed_id: feedId },
    enabled: enabled ? (1 as const) : (0 as const),
  }
}

function nameTaken(name: string): RegistryError {
  return new RegistryError('CONFLICT', `There is a connector "${name}" already.`)
}
