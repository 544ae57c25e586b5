import {
  type Attaching,
  insertConnectedFeed,
  updateConnectedFeed,
} from '../../db/connected-feeds.ts'
import { listConnectorRecords } from '../../db/connectors.ts'
import type { Db } from '../../db/database.ts'
import type { Actor } from '../../domain/actor.ts'
import { refuseField } from '../../domain/errors.ts'
import { changesOf, type FeedChanges, type NewFeed, newFeedOf } from '../feed-changes.ts'
import { type Feed, getFeed } from '../feeds.ts'
import type { ConnectorDeps } from './connectors.ts'

type Deps = Omit<ConnectorDeps, 'secrets'>

/** A feed with its settings and connectors, or nothing. Throws as `createFeed` and `changeConnectedFeed`. */
export async function createConnectedFeed(
  deps: Deps & { readonly storeId: number },
  feed: NewFeed,
  {
    changes,
    connectors,
  }: { readonly changes: FeedChanges; readonly connectors: readonly string[] },
): Promise<Feed> {
  const { db, by } = deps
  const actor = { by: by.name, address: by.address }
  await db.write(insertConnectedFeed, {
    feed: { ...(await newFeedOf(deps, feed)), ...actor },
    attaching: connectors.length === 0 ? null : await attachingOf(db, connectors, by),
    change: { ...(await changesOf(db, changes)), ...actor },
  })
  await deps.connectors.reread()
  return getFeed(db, feed.name)
}

/**
 * The feed asks these connectors, in this order, and no other; and it changes, or nothing does.
 * Throws INVALID_FIELDS for a connector that is not there or a circle, and as `changeFeed`.
 */
export async function changeConnectedFeed(
  deps: Deps,
  name: string,
  {
    changes,
    connectors,
  }: { readonly changes: FeedChanges; readonly connectors: readonly string[] },
): Promise<Feed> {
  const { db, by } = deps
  const { id } = await getFeed(db, name)
  await db.write(updateConnectedFeed, {
    attaching: await attachingOf(db, connectors, by),
    change: { id, ...(await changesOf(db, changes)), by: by.name, address: by.address },
  })
  await deps.connectors.reread()
  return getFeed(db, changes.name ?? name)
}

async function attachingOf(db: Db, names: readonly string[], by: Actor): Promise<Attaching> {
  const records = await listConnectorRecords(db.read)
  const found = names.map((name) => {
    const record = records.find(({ key }) => key === name.toLowerCase())
    return record ?? refuseField('connectors', `There is no connector "${name.slice(0, 100)}".`)
  })
  const connectorIds = found.map(({ id }) => id)
  if (new Set(connectorIds).size < connectorIds.length) {
    refuseField('connectors', 'A connector is named twice.')
  }
  return { connectorIds, names: found.map(({ name }) => name), by }
}
