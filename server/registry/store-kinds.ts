/** A property of a kind of store, as people fill it in. */
export interface StoreProperty {
  readonly name: string
  readonly description: string
  readonly type: 'text' | 'secret' | 'boolean' | 'integer'
  readonly required: boolean
  readonly placeholder: string
  /** It says which place it is; the others say how it is used, and may be changed later. */
  readonly isPlace: boolean
}

export interface StoreKind {
  readonly id: 'disk' | 's3' | 'azure'
  readonly name: string
  readonly description: string
  readonly properties: readonly StoreProperty[]
}

type Part = Partial<Omit<StoreProperty, 'name' | 'description'>>

function property(name: string, description: string, part: Part = {}): StoreProperty {
  const usual = { type: 'text', required: false, placeholder: '', isPlace: false } as const
  return { name, description, ...usual, ...part }
}

const targetPath = property('TargetPath', 'A folder in it, so that several stores can share it.', {
  placeholder: 'entrepot/',
  isPlace: true,
})

const cache = property(
  'CacheGiB',
  'Layers that are pulled are kept in the data folder of this server too, up to so many GiB. Without it nothing is.',
  { type: 'integer', placeholder: '50' },
)

const redirects = [
  property(
    'RedirectDownloads',
    'Whether clients fetch layers from the store itself, by an address that is signed for 15 minutes. They have to reach it.',
    { type: 'boolean', placeholder: 'false' },
  ),
  property('PublicUrl', 'How clients reach it, if not as this server does.', {
    placeholder: 'https://storage.example.com',
  }),
  property(
    'NeverRedirect',
    'Networks of clients that are always served by this server, separated by commas.',
    { placeholder: '10.0.0.0/8' },
  ),
]

/** Every kind of store with its properties, as ProGet names them where it has them. */
export const storeKinds: readonly StoreKind[] = [
  {
    id: 'disk',
    name: 'Disk',
    description: 'A folder of this machine. One process serves it.',
    properties: [
      property('StoragePath', 'Below the data folder, or a folder that storage-roots allows.', {
        ...{ required: true, isPlace: true, placeholder: '/var/lib/entrepot/team' },
      }),
    ],
  },
  {
    id: 's3',
    name: 'Amazon S3',
    description: 'A bucket of Amazon S3, or of any service that speaks its language.',
    properties: [
      property('BucketName', 'The bucket; it has to be there.', { required: true, isPlace: true }),
      targetPath,
      property('RegionEndpoint', 'The region: eu-central-1.', {
        ...{ required: true, placeholder: 'us-east-1' },
      }),
      property('CustomServiceUrl', 'The address of the service, if it is not Amazon.', {
        ...{ placeholder: 'https://s3.example.com', isPlace: true },
      }),
      property('PathStyle', 'Whether the bucket is in the path, not in the name of the host.', {
        ...{ type: 'boolean', placeholder: 'false' },
      }),
      property(
        'AccessKey',
        'Without one: what the environment offers (instance role, profile, variables).',
      ),
      property('SecretAccessKey', 'Of the access key. Kept encrypted, never shown.', {
        type: 'secret',
      }),
      property('Encrypted', 'Whether the service is asked to encrypt (AES256, or the KMS key).', {
        ...{ type: 'boolean', placeholder: 'false' },
      }),
      property('KmsKeyId', 'The KMS key to encrypt with.'),
      property(
        'PartSizeMiB',
        'Parts all of this size, where a service demands it (Cloudflare R2). Otherwise they grow.',
        { type: 'integer', placeholder: '64' },
      ),
      cache,
      ...redirects,
    ],
  },
  {
    id: 'azure',
    name: 'Azure Blob',
    description: 'A container of Azure Blob Storage.',
    properties: [
      property('ConnectionString', 'Of the account. Kept encrypted, never shown.', {
        ...{ type: 'secret', isPlace: true },
      }),
      property('ContainerName', 'With the connection string; it has to be there.', {
        isPlace: true,
      }),
      property('ContainerUrl', "In place of both: the environment's own credentials are used.", {
        ...{ placeholder: 'https://account.blob.core.windows.net/container', isPlace: true },
      }),
      targetPath,
      cache,
      ...redirects,
    ],
  },
]
