import path from 'node:path'
import { openBucket } from '../../blobs/cloud.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { LockTimes } from './bucket-lock.ts'
import { openBucketTarget } from './bucket-target.ts'
import { openFolderTarget } from './folder-target.ts'
import type { BackupTarget } from './target.ts'

/** How the bucket is spoken to. */
export interface BucketAccess {
  readonly region: string | null
  /** Null: Amazon's own. */
  readonly endpoint: string | null
  readonly pathStyle: boolean
  /** Null: what the environment offers. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
}

interface TargetOptions {
  readonly s3: BucketAccess
  readonly dataDir: string
  /** Of a bucket; for tests. */
  readonly lockTimes?: LockTimes
}

/**
 * A folder (an absolute path) or a bucket (`s3://bucket/prefix`) of backups; nothing is read or made
 * yet. `dataDir` has room for a copy of its database on its way. Throws REQUEST_INVALID where it is not
 * known how to speak to the bucket.
 */
export async function openBackupTarget(
  name: string,
  { s3, dataDir, lockTimes }: TargetOptions,
): Promise<BackupTarget> {
  if (path.isAbsolute(name)) return openFolderTarget(name)
  const [, bucketName = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(name) ?? []
  if (bucketName === '') throw new Error(`neither a folder nor a bucket: ${name}`)
  const region = s3.region ?? (s3.endpoint === null ? null : 'us-east-1')
  if (region === null) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `The region of ${name} is not known: set backup-s3-region (ENTREPOT_BACKUP_S3_REGION) or AWS_REGION.`,
    )
  }
  const { endpoint, pathStyle, credentials } = s3
  const settings = {
    ...{ bucket: bucketName, prefix: prefix === '' ? '' : `${prefix}/`, region, endpoint },
    ...{ pathStyle, credentials, encryption: null, uniformPartBytes: null, publicEndpoint: null },
  }
  const bucket = await openBucket({ type: 's3', settings })
  const times = lockTimes !== undefined && { lockTimes }
  return openBucketTarget({ bucket, prefix: settings.prefix, name, dataDir, ...times })
}
