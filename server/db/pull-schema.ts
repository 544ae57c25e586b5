/** How often what was pulled. Written every few seconds, never by a pull itself. */
export interface PullSchema {
  manifest_pulls: ManifestPullsRow
  repository_pulls: RepositoryPullsRow
  feed_pulls: FeedPullsRow
}

export interface ManifestPullsRow {
  manifest_id: number
  pulls: number
  last_pulled_at: number
}

/** Key (repository_id, day). Days of UTC since 1970; day 0 is the sum of all. */
export interface RepositoryPullsRow {
  repository_id: number
  day: number
  pulls: number
  last_pulled_at: number
}

/** Key (feed_id, day), as above. */
export interface FeedPullsRow {
  feed_id: number
  day: number
  pulls: number
  last_pulled_at: number
}
