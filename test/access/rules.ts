/**
 * Who may do what, read from docs/access.md alone: nothing here comes from the server's own code,
 * so that the two can be compared.
 */

export const registryAttributes = [
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
/** "The attributes of the server are only given by rules for everything." */
export const serverAttributes = ['Admin_ConfigureProGet', 'Admin_ManageScheduledTasks'] as const

export type Attribute = (typeof registryAttributes)[number] | (typeof serverAttributes)[number]
export const everyAttribute: readonly Attribute[] = [...registryAttributes, ...serverAttributes]

/** A permission or a restriction, in the words of the management API. */
export interface Rule {
  /** A user, or `Everyone`, `Authenticated`, `Anonymous`. */
  readonly user?: string
  readonly group?: string
  readonly task: string
  /** Neither: everywhere. */
  readonly feed?: string
  readonly feedGroup?: string
  /** A pattern inside `feed`. */
  readonly repositories?: string
  readonly deny?: true
}

/** Everything that the rules are about. */
export interface World {
  /** What each task is made of. */
  readonly tasks: Readonly<Record<string, readonly Attribute[]>>
  /** The registries in each. */
  readonly feedGroups: Readonly<Record<string, readonly string[]>>
  readonly rules: readonly Rule[]
}

export interface UserCaller {
  readonly kind: 'user'
  readonly name: string
  readonly groups: readonly string[]
}

export type KeyPermission = 'view' | 'add' | 'promote' | 'delete'

export type Caller =
  /** No credentials. */
  | { readonly kind: 'anonymous' }
  /** Wrong credentials, or such as are good no more. */
  | { readonly kind: 'nobody' }
  | UserCaller
  | { readonly kind: 'system key'; readonly apis: 'full-control' | 'feeds' }
  | {
      readonly kind: 'feed key'
      readonly feed?: string
      readonly feedGroup?: string
      readonly permissions: readonly KeyPermission[]
      readonly repositories?: string
    }
  | {
      readonly kind: 'personal key'
      readonly user: UserCaller
      /** Absent: all that the user may. */
      readonly permissions?: readonly KeyPermission[]
    }

/** A repository, or with null a registry as a whole. */
export interface Place {
  readonly feed: string
  readonly repository: string | null
}

const ofPermission: Readonly<Record<KeyPermission, readonly Attribute[]>> = {
  view: ['Feeds_ViewFeed', 'Feeds_DownloadPackage'],
  add: ['Feeds_AddPackage'],
  promote: ['Feeds_AcceptPackagePromotions'],
  delete: ['Feeds_OverwritePackage', 'Feeds_DeletePackage'],
}

/** `place` null: the server. */
export function may(
  world: World,
  caller: Caller,
  attribute: Attribute,
  place: Place | null,
): boolean {
  switch (caller.kind) {
    case 'nobody':
      return false
    case 'anonymous':
      return decide(world, { virtual: ['Everyone', 'Anonymous'] }, attribute, place)
    case 'user':
      return decide(world, { user: caller, virtual: knownGroups }, attribute, place)
    case 'system key':
      if (caller.apis === 'full-control' || isOfRegistry(attribute)) return true
      return decide(world, { virtual: knownGroups }, attribute, place)
    case 'feed key':
      return feedKeyMay(world, caller, attribute, place)
    case 'personal key': {
      const { user, permissions } = caller
      const within = permissions?.some((each) => ofPermission[each].includes(attribute)) ?? true
      return within && may(world, user, attribute, place)
    }
  }
}

/** Whether there is anything in the registry that the caller may view, were it there. */
export function sees(world: World, caller: Caller, feed: string): boolean {
  return [null, 'elsewhere', ...witnessesOf(world, caller)].some((repository) =>
    may(world, caller, 'Feeds_ViewFeed', { feed, repository }),
  )
}

export function isAdministrator(world: World, caller: Caller): boolean {
  return may(world, caller, 'Admin_ConfigureProGet', null)
}

const knownGroups = ['Everyone', 'Authenticated'] as const

function feedKeyMay(
  world: World,
  caller: Extract<Caller, { kind: 'feed key' }>,
  attribute: Attribute,
  place: Place | null,
): boolean {
  const { feed, feedGroup, permissions, repositories } = caller
  // "a `feed` key never an `Admin_` attribute"
  if (attribute.startsWith('Admin_')) return false
  if (repositories !== undefined) {
    // "everything else is then closed to it, a registry as a whole too"
    const inside = place?.repository != null && fits(repositories, place.repository)
    if (!inside) return false
  }
  const own = permissions.some((each) => ofPermission[each].includes(attribute))
  const here = narrownessOf(world, { task: '', ...scopeOf(feed, feedGroup) }, place)
  if (own && here !== undefined) return true
  // "a `feed` key has beside them what `Everyone` has"
  return decide(world, { virtual: ['Everyone'] }, attribute, place)
}

function scopeOf(feed: string | undefined, feedGroup: string | undefined) {
  return { ...(feed !== undefined && { feed }), ...(feedGroup !== undefined && { feedGroup }) }
}

interface Asked {
  readonly user?: UserCaller
  readonly virtual: readonly string[]
}

/** "The first one decides", "if none speaks of it, the answer is no". */
function decide(world: World, asked: Asked, attribute: Attribute, place: Place | null): boolean {
  const found = world.rules.flatMap((rule) => {
    const closeness = closenessOf(rule, asked)
    const narrowness = narrownessOf(world, rule, place)
    if (closeness === undefined || narrowness === undefined) return []
    if (!standsFor(world.tasks[rule.task] ?? [], attribute)) return []
    if (!isOfRegistry(attribute) && narrowness !== everything) return []
    return [{ allows: rule.deny !== true, order: [closeness, narrowness, rule.deny ? 0 : 1] }]
  })
  found.sort((a, b) => compare(a.order, b.order))
  return found[0]?.allows ?? false
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

/** "the user's own rules before those of groups, Everyone, Authenticated and Anonymous" */
function closenessOf(rule: Rule, { user, virtual }: Asked): number | undefined {
  if (rule.group !== undefined) return user?.groups.includes(rule.group) ? 1 : undefined
  if (rule.user === user?.name) return 0
  return virtual.includes(rule.user ?? '') ? 1 : undefined
}

const everything = 3

/** "the narrower place first: repositories, registry, feed group, everything" */
function narrownessOf(world: World, rule: Rule, place: Place | null): number | undefined {
  const { feed, feedGroup, repositories } = rule
  if (feed === undefined && feedGroup === undefined) return everything
  if (place === null) return undefined
  if (feedGroup !== undefined) {
    return world.feedGroups[feedGroup]?.includes(place.feed) ? 2 : undefined
  }
  if (feed !== place.feed) return undefined
  if (repositories === undefined) return 1
  return place.repository !== null && fits(repositories, place.repository) ? 0 : undefined
}

/** "`Admin_ConfigureProGet` stands for all attributes, `Admin_ManageFeed` for all of a registry." */
function standsFor(attributes: readonly Attribute[], attribute: Attribute): boolean {
  if (attributes.includes('Admin_ConfigureProGet')) return true
  if (attributes.includes('Admin_ManageFeed') && isOfRegistry(attribute)) return true
  return attributes.includes(attribute)
}

function isOfRegistry(attribute: Attribute): boolean {
  return (registryAttributes as readonly Attribute[]).includes(attribute)
}

/** "`*` stands for any characters but `/`, `**` for any characters, everything else for itself." */
function fits(pattern: string, repository: string): boolean {
  const parts = pattern.split(/(\*\*?)/).map((part) => {
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    return part.replace(/[.+?^${}()|[\]\\-]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`).test(repository)
}

/** A name that fits each pattern that anything is said of. */
function witnessesOf({ rules }: World, caller: Caller): readonly string[] {
  const own = caller.kind === 'feed key' ? [caller.repositories] : []
  return [...own, ...rules.map(({ repositories }) => repositories)].flatMap((pattern) =>
    pattern === undefined ? [] : [pattern.replaceAll('**', 'x').replaceAll('*', 'x')],
  )
}
