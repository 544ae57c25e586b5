import type { Generated } from 'kysely'

/** Tables of the places for bytes. */
export interface StoreSchema {
  stores: StoreRow
  stagings: StagingRow
  former_stores: FormerStoreRow
}

export type StoreType = 'disk' | 's3' | 'azure'

/** A place for bytes; feeds that name the same place share the row. */
export interface StoreRow {
  id: Generated<number>
  type: StoreType
  /** JSON that says which place; for `disk` `{"path": "…"}`, relative to the data folder or absolute. Unique with `type`. */
  settings: string
  /** The id found in the store when it was first opened; null before that. */
  marker: string | null
  created_at: number
  /** JSON: how it is spoken to. */
  options: Generated<string>
  /** Its credentials, encrypted; null: none. */
  secret: Generated<string | null>
  /** Counts the changes of options and secret. */
  version: Generated<number>
}

/** What a store in the cloud has of an upload in progress. Key (store_id, location). */
export interface StagingRow {
  store_id: number
  location: string
  /** Counts who opened it: only the last one may write. */
  writer: number
  /** Part numbers below were given out. */
  next_number: number
  size_bytes: number
  /** JSON: parts and tails. */
  state: string
}

/** A store that a feed had before, until nothing of the feed is there. Key (feed_id, store_id). */
export interface FormerStoreRow {
  feed_id: number
  store_id: number
  /** When the feed left it, the last time. */
  since: number
}
