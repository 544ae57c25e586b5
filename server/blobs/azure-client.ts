import { DefaultAzureCredential } from '@azure/identity'
import {
  BlobServiceClient,
  ContainerClient,
  type StoragePipelineOptions,
} from '@azure/storage-blob'
import { RegistryError } from '../domain/errors.ts'
import type { AzureSettings } from './azure-settings.ts'

/** Trying again is ours. */
const options: StoragePipelineOptions = {
  retryOptions: { maxTries: 1, tryTimeoutInMs: 60_000 },
  keepAliveOptions: { enable: true },
}

/** Throws REQUEST_INVALID, without the string, when it cannot be understood. */
export function openAzureContainer(settings: AzureSettings): ContainerClient {
  const { connectionString, containerName, containerUrl } = settings
  try {
    if (containerUrl !== null) {
      return new ContainerClient(containerUrl, new DefaultAzureCredential(), options)
    }
    const service = BlobServiceClient.fromConnectionString(connectionString ?? '', options)
    return service.getContainerClient(containerName ?? '')
  } catch {
    // Its error may repeat the string, and with it the key.
    throw new RegistryError(
      'REQUEST_INVALID',
      'The connection string of the Azure account, or the address of its container, cannot be understood. Copy it again from the portal (Access keys, Connection string).',
    )
  }
}
