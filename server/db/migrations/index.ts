import type { Migration } from 'kysely'
import { core } from './001-core.ts'
import { access } from './002-access.ts'
import { lockedKeys } from './003-locked-keys.ts'
import { auditIndexes } from './004-audit-indexes.ts'
import { browsing } from './005-browsing.ts'
import { jobs } from './006-jobs.ts'
import { retentionSizes } from './007-retention-sizes.ts'
import { stores } from './008-stores.ts'
import { connectors } from './009-connectors.ts'
import { cacheChecks } from './010-cache-checks.ts'
import { formerStores } from './011-former-stores.ts'
import { backups } from './012-backups.ts'
import { quotas } from './013-quotas.ts'

export type MigrationTable = (dialect: 'sqlite' | 'postgres') => Record<string, Migration>

/** Every migration by name, in order. A released one is never changed. */
export function migrations(dialect: 'sqlite' | 'postgres'): Record<string, Migration> {
  return {
    '001-core': core(dialect),
    '002-access': access(dialect),
    '003-locked-keys': lockedKeys(dialect),
    '004-audit-indexes': auditIndexes,
    '005-browsing': browsing(dialect),
    '006-jobs': jobs(dialect),
    '007-retention-sizes': retentionSizes(dialect),
    '008-stores': stores(dialect),
    '009-connectors': connectors(dialect),
    '010-cache-checks': cacheChecks(dialect),
    '011-former-stores': formerStores(dialect),
    '012-backups': backups(dialect),
    '013-quotas': quotas(dialect),
  }
}
