import type { AzureSettings } from './azure-settings.ts'
import type { BlobStore } from './blob-store.ts'
import type { Bucket } from './bucket.ts'
import { cloudKeys } from './cloud-keys.ts'
import { type ClaimMarker, createCloudMarker, verifyCloudMarker } from './cloud-marker.ts'
import { openCloudStore } from './cloud-store.ts'
import type { PartLedger } from './part-ledger.ts'
import { growingParts, uniformParts } from './part-sizes.ts'
import type { S3Settings } from './s3-settings.ts'

/** A place in the cloud, with what opens it. */
export type CloudPlace =
  | { readonly type: 's3'; readonly settings: S3Settings }
  | { readonly type: 'azure'; readonly settings: AzureSettings }

/** The libraries are loaded with the first store that needs them: others need not wait, nor pay. */
export async function openBucket(place: CloudPlace): Promise<Bucket> {
  if (place.type === 's3') {
    const { openS3Bucket } = await import('./s3-bucket.ts')
    return openS3Bucket(place.settings)
  }
  const { openAzureBucket } = await import('./azure-bucket.ts')
  return openAzureBucket(place.settings)
}

export async function openCloud(
  place: CloudPlace,
  { id, ledger }: { readonly id: string; readonly ledger: PartLedger },
): Promise<BlobStore> {
  const bucket = await openBucket(place)
  const { prefix } = place.settings
  const uniform = place.type === 's3' ? place.settings.uniformPartBytes : null
  const partSizes = uniform === null ? growingParts : uniformParts(uniform)
  return openCloudStore({ bucket, prefix, ledger, partSizes, id })
}

/** Makes the place a store; its id. Throws CONFLICT where there is one, UNAVAILABLE. */
export async function createCloud(place: CloudPlace, claim?: ClaimMarker): Promise<string> {
  await using bucket = await openBucket(place)
  return await createCloudMarker(bucket, cloudKeys(place.settings.prefix).marker, claim)
}

/** Throws UNAVAILABLE unless the store with this id is there. */
export async function verifyCloud(place: CloudPlace, id: string): Promise<void> {
  await using bucket = await openBucket(place)
  await verifyCloudMarker(bucket, cloudKeys(place.settings.prefix).marker, id)
}
