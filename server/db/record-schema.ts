import type { Generated } from 'kysely'

export interface RecordSchema {
  settings: SettingRow
  events: EventRow
}

export interface SettingRow {
  name: string
  value: string
}

/** What happened, for the audit. Append-only. */
export interface EventRow {
  id: Generated<number>
  at: number
  kind: string
  by: string
  feed_id: number | null
  repository: string | null
  detail: string
  /** Where it came from; null for the server's own work and the command line. */
  address: string | null
}
