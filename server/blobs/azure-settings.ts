/** A container of Azure Blob Storage, or part of one. */
export interface AzureSettings {
  /** With the key of the account, or a shared access signature; null: `containerUrl` counts. */
  readonly connectionString: string | null
  /** With the connection string. */
  readonly containerName: string | null
  /** `https://account.blob.core.windows.net/container`, with the environment's own credentials. */
  readonly containerUrl: string | null
  /** Before every key; '' or ending with a slash. */
  readonly prefix: string
  /** The address that presigned URLs begin with, without the container; null: the service's. */
  readonly publicEndpoint: string | null
}
