import { mkdir } from 'node:fs/promises'
import { listFeeds } from '../registry/feeds.ts'
import { type GivenStore, moveStoreTo } from '../registry/store-placing.ts'
import {
  lockData,
  openForReading,
  openPlace,
  openSecrets,
  type Place,
  requireSecretKey,
} from './place.ts'

export interface StoreSummary {
  readonly id: number
  /** Kind and place, for people. */
  readonly place: string
  /** Names of the registries that push to it. */
  readonly registries: readonly string[]
}

/** Every store, none of which is opened. */
export async function listStoresNow(config: Place): Promise<StoreSummary[]> {
  await using db = await openPlace(config)
  await using stores = await openForReading(config, db)
  const feeds = await listFeeds(db)
  return stores.list().map(({ id, type, name }) => ({
    id,
    place: name.startsWith(`${type} `) ? name : `${type} ${name}`,
    registries: feeds.filter(({ storeId }) => storeId === id).map((feed) => feed.name),
  }))
}

/** As `moveStoreTo`, while no server has the data folder. */
export async function placeStoreNow(config: Place, id: number, given: GivenStore): Promise<void> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  await using _lock = await lockData(config.dataDir, 'stop it first.')
  await using db = await openPlace(config)
  await requireSecretKey(config)
  await moveStoreTo({ db, secrets: await openSecrets(config) }, id, given)
}
