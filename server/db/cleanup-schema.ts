import type { Generated } from 'kysely'

/** What clean-up goes by. */
export interface CleanupSchema {
  candidates: CandidateRow
  freed_locations: FreedLocationRow
  stray_locations: StrayLocationRow
}

/** What clean-up has to look at; append-only, deleted by id once looked at. */
export interface CandidateRow {
  id: Generated<number>
  kind: 'link' | 'manifest' | 'blob'
  /** Repository for links and manifests, store for blobs. */
  scope_id: number
  digest: string
  due: number
}

/** Bytes that no row names any more. Key (store_id, location). */
export interface FreedLocationRow {
  store_id: number
  location: string
  since: number
  size_bytes: Generated<number>
}

/** Bytes that no row named when the store was last gone through. Key (store_id, location). */
export interface StrayLocationRow {
  store_id: number
  location: string
  seen_at: number
}
