import type { FastifyInstance } from 'fastify'
import { apiKeyHandlers } from './api-keys.ts'
import { auditHandlers } from './audit.ts'
import type { ApiHandlers } from './call.ts'
import { deletionHandlers } from './deletions.ts'
import type { ApiDeps } from './deps.ts'
import { directoryHandlers } from './directories.ts'
import { feedGroupHandlers } from './feed-groups.ts'
import { feedHandlers } from './feeds.ts'
import { healthHandlers } from './health.ts'
import { imageFileHandlers } from './image-files.ts'
import { imageHandlers } from './images.ts'
import { jobHandlers } from './jobs.ts'
import { mountApi } from './mount.ts'
import { privilegeHandlers } from './privileges.ts'
import { registryHandlers } from './registries.ts'
import { repositoryHandlers } from './repositories.ts'
import { retentionHandlers } from './retention.ts'
import { searchHandlers } from './search.ts'
import { securityGroupHandlers } from './security-groups.ts'
import { securityPermissionHandlers } from './security-permissions.ts'
import { securityTaskHandlers } from './security-tasks.ts'
import { securityTransferHandlers } from './security-transfer.ts'
import { securityUserHandlers } from './security-users.ts'
import { sessionHandlers } from './sessions.ts'
import { settingHandlers } from './settings.ts'
import { sizeHandlers } from './sizes.ts'
import { storageHandlers } from './storage.ts'
import { tagHandlers } from './tags.ts'

/** Serves the management API: every route of the contract. */
export function managementApi(app: FastifyInstance, deps: ApiDeps): void {
  mountApi(app, deps, handlersOf(deps))
}

function handlersOf(deps: ApiDeps): ApiHandlers {
  return {
    apiKeys: apiKeyHandlers(deps),
    audit: auditHandlers(deps),
    deletions: deletionHandlers(deps),
    directories: directoryHandlers(deps),
    feedGroups: feedGroupHandlers(deps),
    feeds: feedHandlers(deps),
    health: healthHandlers(deps),
    images: imageHandlers(deps),
    imageFiles: imageFileHandlers(deps),
    jobs: jobHandlers(deps),
    privileges: privilegeHandlers(deps),
    registries: registryHandlers(deps),
    repositories: repositoryHandlers(deps),
    search: searchHandlers(deps),
    retention: retentionHandlers(deps),
    securityGroups: securityGroupHandlers(deps),
    securityPermissions: securityPermissionHandlers(deps),
    securityTasks: securityTaskHandlers(deps),
    securityTransfer: securityTransferHandlers(deps),
    securityUsers: securityUserHandlers(deps),
    sessions: sessionHandlers(deps),
    settings: settingHandlers(deps),
    storage: storageHandlers(deps),
    tags: tagHandlers(deps),
    sizes: sizeHandlers(deps),
  }
}
