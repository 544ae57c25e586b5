import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { lockRepository } from './repositories.ts'

export interface RepositoryChange {
  readonly id: number
  /** Null: what the feed says. */
  readonly quotaBytes: number | null
  readonly by: string
  readonly address: string | null
}

/** Throws NAME_UNKNOWN for one that is gone, or was never pushed to. */
export async function updateRepository(trx: Queries, change: RepositoryChange): Promise<void> {
  const { id, quotaBytes, by, address } = change
  const { feedId, name: repository } = await lockRepository(trx, id)
  const { numUpdatedRows } = await trx
    .updateTable('repositories')
    .set({ quota_bytes: quotaBytes })
    .where('id', '=', id)
    .where('listed', '=', 1)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) throw new RegistryError('NAME_UNKNOWN')
  const detail = { quota_bytes: quotaBytes }
  await insertEvent(trx, { kind: 'repository.changed', by, address, feedId, repository, detail })
}
