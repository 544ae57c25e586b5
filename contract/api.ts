import { apiKeys } from './api-keys.ts'
import { audit } from './audit.ts'
import { directories } from './directories.ts'
import { feedGroups } from './feed-groups.ts'
import { feeds } from './feeds.ts'
import { privileges } from './privileges.ts'
import { retention } from './retention.ts'
import { securityGroups } from './security-groups.ts'
import { securityPermissions } from './security-permissions.ts'
import { securityTasks } from './security-tasks.ts'
import { securityTransfer } from './security-transfer.ts'
import { securityUsers } from './security-users.ts'
import { sessions } from './sessions.ts'
import { settings } from './settings.ts'
import { sizes } from './sizes.ts'

/** The whole management API: the route tables by resource. */
export const api = {
  apiKeys,
  audit,
  directories,
  feedGroups,
  feeds,
  privileges,
  retention,
  securityGroups,
  securityPermissions,
  securityTasks,
  securityTransfer,
  securityUsers,
  sessions,
  settings,
  sizes,
} as const

export type Api = typeof api
export type Resource = keyof Api
