import type { StoreType } from '../db/store-schema.ts'

interface Remedy {
  readonly says: RegExp
  readonly remedy: string
}

const policy =
  'see that the policy of the key allows what docs/storage.md lists, and set the store again (Administration, Storage) with the right ones'

/** The first that fits what was said counts. */
const inTheCloud: readonly Remedy[] = [
  {
    says: /SignatureDoesNotMatch|AuthenticationFailed/,
    remedy: `The secret of the key is wrong (SecretAccessKey, or AccountKey in the connection string): ${policy}.`,
  },
  {
    says: /InvalidAccessKeyId|InvalidAccountName/,
    remedy: `The service does not know the key (AccessKey): ${policy}.`,
  },
  {
    says: /RequestTimeTooSkewed/,
    remedy: 'The clock of this machine is off: let it be set by the network (NTP).',
  },
  {
    says: /NoSuchBucket|ContainerNotFound/,
    remedy: 'The bucket is not there: make it, or set the store again with the name that is right.',
  },
  {
    says: /refuses the credentials|AccessDenied|AuthorizationFailure/,
    remedy: `The key is wrong, or lacks a right: ${policy}.`,
  },
  {
    says: /does not answer|ECONNREFUSED|ENOTFOUND|ETIMEDOUT|TimeoutError/,
    remedy:
      'See that the address of the service is right (CustomServiceUrl, RegionEndpoint) and that this machine may reach it: name server, firewall, proxy. Until then pushes and pulls of these registries are 503, and clients try again.',
  },
  {
    says: /no room|QuotaExceeded/,
    remedy: 'Raise the quota of the bucket, or delete images and let clean-up run twice.',
  },
]

const onDisk: readonly Remedy[] = [
  {
    says: /marker|not there|another blob store/i,
    remedy: 'Mount the right disk there; do not make an empty folder in its place.',
  },
  {
    says: /EACCES|EPERM|EROFS/,
    remedy:
      'Let the folder belong to the user of the server (chown -R), on a file system that is mounted for writing.',
  },
  {
    says: /free|room|ENOSPC|EDQUOT/,
    remedy: 'Make room on that disk or enlarge it (docs/running.md#a-full-disk).',
  },
  {
    says: /EIO/,
    remedy: 'The disk is failing: see the log of the kernel, copy what can be read, replace it.',
  },
]

const everywhere: readonly Remedy[] = [
  {
    says: /secret|decrypt|encrypted/i,
    remedy:
      'The secret key is another one than when they were stored: put secret.key (or ENTREPOT_SECRET_KEY) back, or set the store again with its credentials.',
  },
]

/** What to do when a store says this. */
export function remedyFor(type: StoreType, reason: string): string {
  const table = [...(type === 'disk' ? onDisk : inTheCloud), ...everywhere]
  return (
    table.find(({ says }) => says.test(reason))?.remedy ??
    'See docs/storage.md; the log of the server may say more.'
  )
}
