import { randomUUID } from 'node:crypto'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { openAzureBucket } from '../../server/blobs/azure-bucket.ts'
import { openAzureContainer } from '../../server/blobs/azure-client.ts'
import type { AzureSettings } from '../../server/blobs/azure-settings.ts'
import type { Bucket } from '../../server/blobs/bucket.ts'
import { openS3Bucket } from '../../server/blobs/s3-bucket.ts'
import { openS3Client } from '../../server/blobs/s3-client.ts'
import type { S3Settings } from '../../server/blobs/s3-settings.ts'
import { azuriteConnection, findAzurite, startAzurite } from './azurite.ts'
import { type CloudService, findRgw, rgwKeys, startRgw } from './rgw.ts'
import { findSwift, startSwift, swiftKeys } from './swift.ts'

/** A service, and how a store of its own in it is described. */
export interface Cloud extends AsyncDisposable {
  readonly service: CloudService
  /** A bucket of its own, empty. `url`: where the service is seen, if not where it is. */
  newPlace(url?: string): Promise<CloudPlace>
}

/** As the API takes it. */
export interface CloudPlace {
  readonly id: 's3' | 'azure'
  readonly properties: Readonly<Record<string, string>>
  openBucket(): Bucket
}

export interface CloudKind {
  readonly name: 'RGW' | 'Swift' | 'Azurite'
  /** Why it cannot be started; '' if it can. */
  readonly missing: string
  start(): Promise<Cloud>
}

export const clouds: readonly CloudKind[] = [
  {
    name: 'RGW',
    missing: findRgw(),
    start: async () => s3Cloud(await startRgw(), rgwKeys),
  },
  {
    name: 'Swift',
    missing: findSwift(),
    start: async () => s3Cloud(await startSwift(), swiftKeys),
  },
  { name: 'Azurite', missing: findAzurite(), start: async () => azureCloud(await startAzurite()) },
]

function s3Cloud(
  service: CloudService,
  credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
): Cloud {
  return {
    service,
    async newPlace(url = service.url) {
      const bucket = `bucket-${randomUUID()}`
      const settings = s3Settings({ bucket, credentials, endpoint: service.url })
      const client = openS3Client(settings)
      await client.send(new CreateBucketCommand({ Bucket: bucket }))
      client.destroy()
      return {
        id: 's3',
        properties: {
          ...{ BucketName: bucket, RegionEndpoint: 'us-east-1', CustomServiceUrl: url },
          ...{ AccessKey: credentials.accessKeyId, SecretAccessKey: credentials.secretAccessKey },
          PathStyle: 'true',
        },
        openBucket: () => openS3Bucket(s3Settings({ bucket, credentials, endpoint: url })),
      }
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}

function s3Settings(given: Pick<S3Settings, 'bucket' | 'credentials' | 'endpoint'>): S3Settings {
  return {
    ...{ prefix: '', region: 'us-east-1', pathStyle: true, encryption: null },
    ...{ uniformPartBytes: null, publicEndpoint: null, ...given },
  }
}

function azureCloud(service: CloudService): Cloud {
  return {
    service,
    async newPlace(url = service.url) {
      const containerName = `container-${randomUUID()}`
      const settings: AzureSettings = {
        ...{ connectionString: azuriteConnection(service.url), containerName },
        ...{ containerUrl: null, prefix: '', publicEndpoint: null },
      }
      await openAzureContainer(settings).create()
      const connectionString = azuriteConnection(url)
      return {
        id: 'azure',
        properties: { ConnectionString: connectionString, ContainerName: containerName },
        openBucket: () => openAzureBucket({ ...settings, connectionString }),
      }
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}
