import type { Generated } from 'kysely'

export interface ConnectorSchema {
  connectors: ConnectorRow
  feed_connectors: FeedConnectorRow
}

/** A registry whose images appear inside feeds. `key` (lower-case name) unique. */
export interface ConnectorRow {
  id: Generated<number>
  name: string
  key: string
  enabled: 0 | 1
  /** Another feed of this server; null: `settings` has a URL. */
  feed_id: number | null
  /** JSON, without secrets. */
  settings: string
  /** The password, encrypted. */
  secret: string | null
  /** Raised by each change. */
  version: number
  created_at: number
}

/** Connectors of a feed, asked in the order of `position`. */
export interface FeedConnectorRow {
  feed_id: number
  connector_id: number
  position: number
}
