import type { Db } from '../db/database.ts'
import { findRepository } from '../db/repositories.ts'
import { RegistryError } from '../domain/errors.ts'
import type { RepositoryName } from '../domain/reference.ts'
import type { Feed } from './feeds.ts'
import type { UploadKey } from './uploads.ts'

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** An upload is found through the repository of its address only. Throws BLOB_UPLOAD_UNKNOWN. */
export async function getUploadKey(
  { db }: { db: Db },
  address: { readonly feed: Feed; readonly repository: RepositoryName; readonly id: string },
): Promise<UploadKey> {
  if (!uuid.test(address.id)) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
  const row = await findRepository(db.read, address.feed.id, address.repository)
  if (!row) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
  return { id: address.id, repositoryId: row.id }
}
