import { apiKeys } from './api-keys.ts'
import { audit } from './audit.ts'
import { deletions } from './deletions.ts'
import { directories } from './directories.ts'
import { feedGroups } from './feed-groups.ts'
import { feeds } from './feeds.ts'
import { health } from './health.ts'
import { imageFiles } from './image-files.ts'
import { images } from './images.ts'
import { jobs } from './jobs.ts'
import { privileges } from './privileges.ts'
import { registries } from './registries.ts'
import { repositories } from './repositories.ts'
import { retention } from './retention.ts'
import { search } from './search.ts'
import { securityGroups } from './security-groups.ts'
import { securityPermissions } from './security-permissions.ts'
import { securityTasks } from './security-tasks.ts'
import { securityTransfer } from './security-transfer.ts'
import { securityUsers } from './security-users.ts'
import { sessions } from './sessions.ts'
import { settings } from './settings.ts'
import { sizes } from './sizes.ts'
import { storage } from './storage.ts'
import { tags } from './tags.ts'

/** The whole management API: the route tables by resource. */
export const api = {
  apiKeys,
  audit,
  deletions,
  directories,
  feedGroups,
  feeds,
  health,
  images,
  imageFiles,
  jobs,
  privileges,
  registries,
  repositories,
  search,
  retention,
  securityGroups,
  securityPermissions,
  securityTasks,
  securityTransfer,
  securityUsers,
  sessions,
  settings,
  storage,
  tags,
  sizes,
} as const

export type Api = typeof api
export type Resource = keyof Api
