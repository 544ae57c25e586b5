import type { Whoami } from '../../contract/sessions.ts'
import type { IconName } from '../parts/icon.tsx'

/** A place that the navigation and the palette lead to. */
export interface Place {
  readonly title: string
  readonly to: string
  readonly icon: IconName
  /** Typed after `g`. */
  readonly key?: string
  /** Whether it is for this caller; a place that refuses is not shown. */
  readonly isFor: (caller: Whoami) => boolean
  /** Shown below its parent while that is open. */
  readonly below?: string
  /** What one does there, in a line. */
  readonly about?: string
}

const all = () => true
const users = ({ user }: Whoami) => user !== null
const administrators = ({ administrator }: Whoami) => administrator

export const places: readonly Place[] = [
  { title: 'Containers', to: '/containers', icon: 'containers', key: 'c', isFor: all },
  {
    title: 'Administration',
    to: '/administration',
    icon: 'administration',
    key: 'a',
    isFor: administrators,
  },
  ...administrationPlaces([
    ['Users', 'users', 'account', 'Who can sign in.'],
    ['Groups', 'groups', 'group', 'Users together, for permissions.'],
    ['Feed groups', 'feed-groups', 'containers', 'Registries together, for permissions.'],
    ['Tasks', 'tasks', 'check', 'Sets of rights, for permissions.'],
    [
      'Permissions',
      'permissions',
      'administration',
      'Who may do what, where; and what somebody may do.',
    ],
    ['API keys', 'api-keys', 'key', 'What scripts and CI jobs sign in with.'],
    ['Directories', 'directories', 'group', 'LDAP and OpenID Connect: who signs in as elsewhere.'],
    [
      'Connectors',
      'connectors',
      'connector',
      'Other registries, whose images are pulled through those of this server.',
    ],
    ['Settings', 'settings', 'settings', 'How this server behaves.'],
    ['Jobs', 'jobs', 'jobs', 'Clean-up and what else the server does by itself.'],
    ['Storage', 'storage', 'storage', 'What lies on the disks, and whose it is.'],
    ['Audit', 'audit', 'audit', 'What happened, and who did it.'],
    ['Health', 'health', 'health', 'Whether it works, and what a client would see.'],
  ]),
  { title: 'Account', to: '/account', icon: 'account', key: 'u', isFor: users },
]

function administrationPlaces(
  rows: readonly (readonly [title: string, path: string, icon: IconName, about: string])[],
): readonly Place[] {
  return rows.map(([title, path, icon, about]) => ({
    title,
    to: `/administration/${path}`,
    icon,
    about,
    isFor: administrators,
    below: '/administration',
  }))
}

/** What the navigation shows to this caller while it is at `path`. */
export function placesFor(caller: Whoami, path: string): readonly Place[] {
  return places.filter(
    ({ isFor, below }) => isFor(caller) && (below === undefined || isWithin(path, below)),
  )
}

export function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`)
}
