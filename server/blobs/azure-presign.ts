import {
  BlobSASPermissions,
  type ContainerClient,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { RegistryError } from '../domain/errors.ts'
import type { AzureSettings } from './azure-settings.ts'

/** Clocks differ by as much. */
const earlierMs = 5 * 60_000

/** An address from which anybody may read the blob for so long. Throws UNSUPPORTED without a key. */
export async function presignAzure(
  { container, publicEndpoint }: AzureSettings & { readonly container: ContainerClient },
  key: string,
  expiresInSeconds: number,
): Promise<string> {
  const { credential, containerName } = container
  if (!(credential instanceof StorageSharedKeyCredential)) {
    throw new RegistryError(
      'UNSUPPORTED',
      'Addresses can be signed with the key of the Azure account only: give its connection string, or switch the redirect off.',
    )
  }
  const now = Date.now()
  const query = generateBlobSASQueryParameters(
    {
      ...{ containerName, blobName: key, permissions: BlobSASPermissions.parse('r') },
      startsOn: new Date(now - earlierMs),
      expiresOn: new Date(now + 1000 * expiresInSeconds),
    },
    credential,
  )
  const address = container.getBlobClient(key).url
  const base = publicEndpoint === null ? address : rebase(address, containerName, publicEndpoint)
  return `${base}?${query}`
}

function rebase(address: string, containerName: string, endpoint: string): string {
  const at = address.indexOf(`/${containerName}/`)
  return `${endpoint.replace(/\/$/, '')}${address.slice(at)}`
}
