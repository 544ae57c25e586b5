/**
 * What a task is made of. The names are the product's: they appear in tasks, API keys and the
 * management API. A feed's attribute can be given for one feed; a server's only for everything.
 */
export const feedAttributes = [
  'Feeds_ViewFeed',
  'Feeds_DownloadPackage',
  'Feeds_PullPackage',
  'Feeds_AddPackage',
  'Feeds_OverwritePackage',
  'Feeds_DeletePackage',
  'Feeds_UnlistPackage',
  'Feeds_AcceptPackagePromotions',
  'Admin_ManageConnectors',
  'Admin_ManageFeed',
] as const
export const serverAttributes = ['Admin_ConfigureProGet', 'Admin_ManageScheduledTasks'] as const

export type FeedAttribute = (typeof feedAttributes)[number]
export type ServerAttribute = (typeof serverAttributes)[number]
export type Attribute = FeedAttribute | ServerAttribute

export const attributes: readonly Attribute[] = [...feedAttributes, ...serverAttributes]

export function isAttribute(text: string): text is Attribute {
  return (attributes as readonly string[]).includes(text)
}

/**
 * Everything that a task's attributes stand for: `Admin_ConfigureProGet` for all there are,
 * `Admin_ManageFeed` for all of a feed. A restriction takes away what a permission would give.
 */
export function expandAttributes(names: readonly Attribute[]): ReadonlySet<Attribute> {
  if (names.includes('Admin_ConfigureProGet')) return new Set(attributes)
  if (names.includes('Admin_ManageFeed')) return new Set([...names, ...feedAttributes])
  return new Set(names)
}
