import { stat } from 'node:fs/promises'
import { RegistryError } from '../domain/errors.ts'
import type { FileLayout } from './file-layout.ts'

/** A finished blob is renamed out of the uploads, which only works within one file system. */
export async function requireOneDisk(layout: FileLayout): Promise<void> {
  const [uploads, blobs] = await Promise.all([stat(layout.uploads), stat(layout.blobs)])
  if (uploads.dev !== blobs.dev) {
    throw new RegistryError(
      'UNAVAILABLE',
      "The blob store's folders uploads and blobs are on different file systems: mount one above both.",
    )
  }
}
