import type { Bucket } from '../../blobs/bucket.ts'
import { readRange } from '../../blobs/cloud-range.ts'
import { type Digest, parseDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { isSnapshotName } from './snapshots.ts'
import { databaseName, infoFile } from './target.ts'

/** Part of a bucket that has backups. */
export interface BackupBucket {
  readonly bucket: Bucket
  /** `s3://bucket/prefix`, for people. */
  readonly name: string
  /** '' or with a slash at its end. */
  readonly prefix: string
}

export const objectsAtOnce = 1000

/**
 * Where in it is what, besides what every target has (target.ts):
 *
 *     <prefix>blobs/<algorithm>/<hex>         bytes by digest, in the order of digests
 *     <prefix>snapshots/<name>/blobs.txt      the digests that the snapshot's database names, in order
 *     <prefix>backup.lock                     who writes or restores
 */
export function keysOf(prefix: string) {
  const blobs = `${prefix}blobs/`
  const snapshots = `${prefix}snapshots/`
  return {
    blobs,
    snapshots,
    lock: `${prefix}backup.lock`,
    blob: (digest: Digest) => `${blobs}${digest.replace(':', '/')}`,
    snapshot: (name: string) => `${snapshots}${name}/`,
    database: (name: string) => `${snapshots}${name}/${databaseName}`,
    index: (name: string) => `${snapshots}${name}/blobs.txt`,
    info: (name: string) => `${snapshots}${name}/${infoFile}`,
  }
}

/** The digest of a key below `blobs/`; undefined: nothing of ours. */
export function digestOf(prefix: string, key: string): Digest | undefined {
  const found = /^blobs\/([a-z0-9]+)\/([0-9a-f]+)$/.exec(key.slice(prefix.length))
  if (found === null || !key.startsWith(prefix)) return undefined
  try {
    return parseDigest(`${found[1]}:${found[2]}`)
  } catch {
    return undefined
  }
}

/** The snapshot that a key is of, by its name; undefined: nothing of ours. */
export function snapshotOf(prefix: string, key: string): string | undefined {
  const { snapshots } = keysOf(prefix)
  if (!key.startsWith(snapshots)) return undefined
  const [name = '', ...rest] = key.slice(snapshots.length).split('/')
  return rest.length > 0 && isSnapshotName(name) ? name : undefined
}

/** A small object. Undefined: there is none. */
export async function readObject(bucket: Bucket, key: string): Promise<Buffer | undefined> {
  const sizeBytes = await bucket.findSize(key)
  if (sizeBytes === undefined) return undefined
  const pieces: Buffer[] = []
  for await (const piece of readRange(bucket, key, { start: 0, end: sizeBytes - 1 })) {
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces)
}

/** Names in a folder, sorted. What lies deeper is skipped over, not listed. */
export async function listSegments(bucket: Bucket, folder: string): Promise<string[]> {
  const names = new Set<string>()
  let after: string | null = null
  for (;;) {
    const page = await bucket.list({ prefix: folder, after, count: objectsAtOnce })
    for (const { key } of page) {
      // A console puts an object of the folder's own name there.
      if (key !== folder) names.add(key.slice(folder.length).split('/')[0] ?? '')
    }
    const last = page.at(-1)?.key
    if (last === undefined || page.length < objectsAtOnce) return [...names].sort()
    const [segment = ''] = last.slice(folder.length).split('/')
    const beyond = `${folder}${segment}/~`
    after = beyond > last ? beyond : last
  }
}

/** Errors of the service in words that name the bucket. */
export async function atBucket<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw bucketError(name, error)
  }
}

function bucketError(name: string, error: unknown): unknown {
  if (!(error instanceof RegistryError) || !(error.cause instanceof Error)) return error
  const { code, message } = error
  const { code: said } = error.cause as Error & { readonly code?: unknown }
  const words = (text: string) => new RegistryError(code, text, { cause: error.cause })
  if (said === 'NoSuchBucket') {
    return words(`There is no bucket for ${name} (NoSuchBucket): make it, or name another one.`)
  }
  if (said === 'CredentialsProviderError') {
    return words(
      `There are no credentials for ${name}: set backup-s3-access-key and backup-s3-secret-access-key, or what Amazon's own programs take (AWS_ACCESS_KEY_ID, a profile, an instance role).`,
    )
  }
  if (code === 'STORAGE_FULL') {
    return words(
      `${name} has no room left (${said}): make room, and run the same command again: it goes on.`,
    )
  }
  return words(message.replace(/^The blob store/, `The service of ${name}`))
}
