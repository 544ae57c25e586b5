/**
 * What a caller may do, decided in one place. Attribute names are the product's
 * (`Feeds_ViewFeed`, …): they appear in API keys, tasks and the management API.
 */
export const feedAttributes = [
  'Feeds_ViewFeed',
  'Feeds_DownloadPackage',
  'Feeds_AddPackage',
  'Feeds_OverwritePackage',
  'Feeds_DeletePackage',
  'Feeds_AcceptPackagePromotions',
  'Admin_ManageFeed',
] as const
export type FeedAttribute = (typeof feedAttributes)[number]
export type Attribute = FeedAttribute | 'Admin_ConfigureProGet'

/** A set of attributes, everywhere (`feedId` null) or in one feed. */
export interface Grant {
  readonly attributes: 'all' | readonly Attribute[]
  readonly feedId: number | null
}

/** Who is calling, as of now: what it is granted is read anew, never remembered with its password. */
export interface Principal {
  readonly kind: 'user' | 'key' | 'anonymous'
  /** The row's id; 0 for Anonymous. */
  readonly id: number
  /** For logs and history: `Admin`, `API key 3 (ci)`, `Anonymous`. */
  readonly name: string
  /** Changes when the secret does: what was issued for an older version is void. */
  readonly credentialVersion: number
  readonly grants: readonly Grant[]
}

export const anonymous: Principal = Object.freeze({
  kind: 'anonymous',
  id: 0,
  name: 'Anonymous',
  credentialVersion: 0,
  grants: [],
})

/** What is asked about. `repository` is the name inside the feed; absent for the feed as a whole. */
export interface Subject {
  readonly feedId: number
  readonly repository?: string
}

/** Whether the principal has the attribute there. `subject` null asks about the whole server. */
export function may(principal: Principal, attribute: Attribute, subject: Subject | null): boolean {
  return principal.grants.some(
    (grant) =>
      (grant.feedId === null || grant.feedId === subject?.feedId) &&
      (grant.attributes === 'all' || grant.attributes.includes(attribute)),
  )
}
