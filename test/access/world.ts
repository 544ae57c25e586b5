import type { Rule, World } from './rules.ts'

/** Three registries: for those who were given something there, for everybody, for few. */
export const feeds = ['private', 'public', 'restricted'] as const
export type Feed = (typeof feeds)[number]

/** There is none of this name. */
export const absentFeed = 'absent'

/** What each registry asks of who moves a tag. */
export const overwrite = { private: 'permission', public: 'allowed', restricted: 'never' } as const

export const feedGroups = { Ours: ['restricted'] } as const

/** The server's own; a directory has those of its users. */
export const groups = {
  Builders: ['member'],
  'Shut Out': ['outcast', 'exempt'],
  Operators: ['operator'],
  /** The members of these are known to a directory. */
  Devs: [],
  Ops: [],
} as const

export const users = [
  'operator',
  'publisher',
  'reader',
  'barred',
  'member',
  'outcast',
  'exempt',
  'patterned',
  'looker',
  'steward',
  'keeper',
  'tidy',
  'disabled',
] as const

const view = 'View & Download Packages'
const publish = 'Publish Packages'

/** Users of directories are not there before their first login, nor can rules name them. */
export const directoryRules: Readonly<Record<'linda' | 'olga', readonly Rule[]>> = {
  linda: [{ user: 'linda', task: view, feed: 'private' }],
  olga: [{ user: 'olga', task: publish, feed: 'restricted', repositories: 'team/*' }],
}

/** Beside the one that a fresh server has: `Admin` administers everything. */
export const ownRules: readonly Rule[] = [
  { user: 'Everyone', task: view, feed: 'public' },
  { user: 'Authenticated', task: publish, feed: 'public', repositories: 'incoming/*' },
  { group: 'Operators', task: 'Operate' },
  { user: 'publisher', task: publish, feed: 'private' },
  { user: 'reader', task: view, feed: 'private' },
  // Everywhere, but for one registry.
  { user: 'barred', task: publish },
  { user: 'barred', task: publish, feed: 'restricted', deny: true },
  { group: 'Builders', task: publish, feed: 'restricted' },
  // As near as what Everyone may, and a restriction.
  { group: 'Shut Out', task: view, feed: 'public', deny: true },
  // Wider, but the user's own.
  { user: 'exempt', task: view },
  { user: 'patterned', task: publish, feed: 'private', repositories: 'team/**' },
  { user: 'patterned', task: view, feed: 'restricted' },
  { user: 'patterned', task: view, feed: 'restricted', repositories: 'other/**', deny: true },
  { user: 'looker', task: 'Look', feed: 'private' },
  { user: 'steward', task: 'Steward', feed: 'private' },
  { user: 'keeper', task: 'Steward', feedGroup: 'Ours' },
  { user: 'tidy', task: 'Tidy', feed: 'private' },
  { user: 'tidy', task: 'Tidy', feed: 'restricted' },
  { user: 'disabled', task: publish },
  { group: 'Devs', task: publish, feed: 'restricted' },
  { group: 'Ops', task: view, feed: 'private' },
]

/** Made for these tests. */
export const ownTasks: World['tasks'] = {
  Look: ['Feeds_ViewFeed'],
  Operate: ['Admin_ConfigureProGet'],
  Steward: ['Admin_ManageFeed'],
  Tidy: [
    'Feeds_ViewFeed',
    'Feeds_DownloadPackage',
    'Feeds_AddPackage',
    'Feeds_OverwritePackage',
    'Feeds_DeletePackage',
  ],
}

/** Those of a fresh server that the rules above use. */
export const builtInTasks: World['tasks'] = {
  Administer: ['Admin_ConfigureProGet'],
  [publish]: ['Feeds_ViewFeed', 'Feeds_DownloadPackage', 'Feeds_AddPackage', 'Feeds_PullPackage'],
  [view]: ['Feeds_ViewFeed', 'Feeds_DownloadPackage'],
}

export const world: World = {
  tasks: { ...builtInTasks, ...ownTasks },
  feedGroups,
  rules: [
    { user: 'Admin', task: 'Administer' },
    ...ownRules,
    ...directoryRules.linda,
    ...directoryRules.olga,
  ],
}

/** A repository that is there, one that is not, and one of a registry that is not. */
export type Kind = 'there' | 'missing' | 'nowhere'

export interface Repository {
  readonly kind: Kind
  readonly feed: string
  readonly repository: string
}

function inFeed(kind: Kind, feed: string, names: readonly string[]): readonly Repository[] {
  return names.map((repository) => ({ kind, feed, repository }))
}

/** Beside each that is there, one that is not and would be subject to the same rules. */
export const repositories: readonly Repository[] = [
  ...inFeed('there', 'private', ['team/app', 'other/app']),
  ...inFeed('there', 'public', ['team/app', 'other/app', 'incoming/app']),
  ...inFeed('there', 'restricted', ['team/app', 'other/app']),
  ...inFeed('missing', 'private', ['team/apq', 'other/apq']),
  ...inFeed('missing', 'public', ['team/apq', 'incoming/apq']),
  ...inFeed('missing', 'restricted', ['team/apq', 'other/apq']),
  ...inFeed('nowhere', absentFeed, ['team/app']),
]

export function nameOf({ feed, repository }: Repository): string {
  return `${feed}/${repository}`
}
