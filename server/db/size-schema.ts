import type { Generated } from 'kysely'

/** Tables of retention rules and sizes. */
export interface SizeSchema {
  retention_rules: RetentionRuleRow
  size_changes: SizeChangeRow
  repository_sizes: RepositorySizeRow
  feed_sizes: FeedSizeRow
  store_sizes: StoreSizeRow
  feed_blobs: FeedBlobRow
  size_folding: SizeFoldingRow
}

export interface RetentionRuleRow {
  id: Generated<number>
  feed_id: number
  position: number
  enabled: 0 | 1
  /** JSON: what `domain/retention-rule.ts` calls criteria. */
  criteria: string
  created_at: number
}

/** One thing that came (count 1) or went (-1); triggers append it, folding removes it. */
export interface SizeChangeRow {
  id: Generated<number>
  kind: 'link' | 'edge' | 'manifest' | 'blob'
  store_id: number | null
  feed_id: number | null
  repository_id: number | null
  digest: string | null
  count: number
  /** Of the one thing. */
  bytes: number
}

export interface SizeSums {
  manifests: number
  manifest_bytes: number
  /** What the manifests refer to, each for itself. */
  logical_bytes: number
  /** Blobs that are linked, each once. */
  blobs: number
  blob_bytes: number
}

export interface RepositorySizeRow extends SizeSums {
  repository_id: number
}

export interface FeedSizeRow extends SizeSums {
  feed_id: number
}

/** One row: who folds holds it. */
export interface SizeFoldingRow {
  id: 1
}

export interface StoreSizeRow {
  store_id: number
  blobs: number
  blob_bytes: number
}

/** How many links of a feed lead to a blob. Key (feed_id, store_id, digest). */
export interface FeedBlobRow {
  feed_id: number
  store_id: number
  digest: string
  bytes: number
  links: number
}
