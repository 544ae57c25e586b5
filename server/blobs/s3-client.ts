import { createHash } from 'node:crypto'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { S3Settings } from './s3-settings.ts'

/** How long a connection may take, and how long one may say nothing. */
const connectMs = 5000
const silentMs = 60_000
const sockets = 1024

/**
 * The client of one bucket. Integrity is Content-MD5, which every service knows; the SDK's newer
 * checksums are refused by some (411, 501), or stored inside the object. Trying again is ours.
 */
export function openS3Client(settings: S3Settings, endpoint = settings.endpoint): S3Client {
  const { region, pathStyle, credentials } = settings
  const agent = { keepAlive: true, maxSockets: sockets }
  const config: S3ClientConfig = {
    region,
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: silentMs,
      socketTimeout: silentMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(endpoint !== null && { endpoint }),
    ...(credentials && { credentials: { ...credentials } }),
  }
  const client = new S3Client(config)
  signLess(client)
  return client
}

interface SentRequest {
  readonly headers: Record<string, string>
  readonly body?: unknown
}

function signLess(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const { headers, body } = args.request as SentRequest
      // Content-MD5 vouches for the bytes: no second hash of them for the signature.
      if (body instanceof Uint8Array) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
      if (context.commandName === 'DeleteObjectsCommand') vouchByMd5(headers, body)
      return next(args)
    },
    { step: 'build', name: 'contentMd5', priority: 'low' },
  )
}

/** Bulk deletion has to carry a checksum: the one that every service knows. */
function vouchByMd5(headers: Record<string, string>, body: unknown): void {
  if (typeof body !== 'string') return
  for (const name of Object.keys(headers)) {
    if (/^x-amz-(sdk-)?checksum/.test(name)) delete headers[name]
  }
  headers['content-md5'] = md5(Buffer.from(body))
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64')
}
