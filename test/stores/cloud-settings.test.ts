import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { BlobStore } from '../../server/blobs/blob-store.ts'
import { createCloud, openCloud } from '../../server/blobs/cloud.ts'
import { openMemoryLedger } from '../../server/blobs/memory-ledger.ts'
import type { S3Settings } from '../../server/blobs/s3-settings.ts'
import { type Cloud, clouds } from '../support/cloud-stores.ts'
import { openRecordingService, type RecordingService } from '../support/recording-service.ts'
import { rgwKeys } from '../support/rgw.ts'

vi.setConfig({ testTimeout: 300_000 })
afterAll(() => vi.resetConfig())

const mebibyte = 1024 * 1024
const rgw = clouds.find(({ name }) => name === 'RGW')
const missing = rgw?.missing ?? 'RGW'

describe.skipIf(missing !== '')(`how a bucket is spoken to ${missing}`, () => {
  let cloud: Cloud
  let service: RecordingService
  beforeAll(async () => {
    cloud = (await rgw?.start()) as Cloud
    service = await openRecordingService(cloud.service.port)
  })
  beforeEach(() => {
    service.requests.length = 0
  })
  afterAll(async () => {
    await service?.[Symbol.asyncDispose]()
    await cloud?.[Symbol.asyncDispose]()
  })

  async function settingsOf(changes: Partial<S3Settings>): Promise<S3Settings> {
    const { properties } = await cloud.newPlace()
    return {
      ...{ bucket: properties.BucketName ?? '', prefix: '', region: 'us-east-1', pathStyle: true },
      ...{ endpoint: service.url, publicEndpoint: null, credentials: rgwKeys, encryption: null },
      ...{ uniformPartBytes: null, ...changes },
    }
  }

  async function withStore(settings: S3Settings, work: (store: BlobStore) => Promise<void>) {
    const place = { type: 's3', settings } as const
    const id = await createCloud(place)
    await using store = await openCloud(place, { id, ledger: openMemoryLedger() })
    await work(store)
  }

  test('parts are all of the size that was set, however the bytes come', async () => {
    const uniformPartBytes = 6 * mebibyte
    const bytes = randomBytes(3 * uniformPartBytes + 777)
    await withStore(await settingsOf({ uniformPartBytes }), async (store) => {
      const location = randomUUID()
      await store.startUpload(location)
      // A PATCH each, whose end is no part's.
      for (const [from, to] of [
        [0, 5 * mebibyte + 3],
        [5 * mebibyte + 3, 13 * mebibyte],
        [13 * mebibyte, bytes.length],
      ] as const) {
        await using writer = await store.openUpload(location, from)
        await writer?.write(bytes.subarray(from, to))
        await writer?.sync()
      }
      expect(await store.finish(location)).toEqual({ sizeBytes: bytes.length })
      await expectBytes(store, location, bytes)
    })
    const parts = service.requests
      .filter(({ method, path }) => method === 'PUT' && path.includes('partNumber='))
      .map(({ path, headers }) => ({
        number: Number(/partNumber=(\d+)/.exec(path)?.[1]),
        length: Number(headers['content-length']),
        md5: headers['content-md5'],
      }))
      .sort((a, b) => a.number - b.number)
    expect(parts.map(({ length }) => length)).toEqual([...Array(3).fill(uniformPartBytes), 777])
    expect(parts.every(({ md5 }) => md5 !== undefined)).toBe(true)
  })

  test.each([
    ['the service', { kind: 'AES256', kmsKeyId: null }, undefined],
    ['a KMS key', { kind: 'aws:kms', kmsKeyId: 'key-7' }, 'key-7'],
  ] as const)('%s is asked to encrypt whatever is written', async (_name, encryption, key) => {
    const settings = await settingsOf({ encryption })
    // This one has no keys to encrypt with, and takes no such request without TLS.
    await expect(createCloud({ type: 's3', settings })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    const { openS3Bucket } = await import('../../server/blobs/s3-bucket.ts')
    await using bucket = openS3Bucket(settings)
    await expect(bucket.beginParts('blobs/x')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const writes = service.requests.filter(({ method }) => method === 'PUT' || method === 'POST')
    expect(writes.length).toBeGreaterThanOrEqual(2)
    for (const { headers } of writes) {
      expect(headers['x-amz-server-side-encryption']).toBe(encryption.kind)
      expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe(key)
    }
  })

  test('without a key the environment is asked: its variables', async () => {
    await withEnvironment(
      { AWS_ACCESS_KEY_ID: rgwKeys.accessKeyId, AWS_SECRET_ACCESS_KEY: rgwKeys.secretAccessKey },
      async () => withStore(await settingsOf({ credentials: null }), expectUse),
    )
  })
})

async function expectUse(store: BlobStore): Promise<void> {
  const location = randomUUID()
  const bytes = randomBytes(5000)
  await store.startUpload(location)
  {
    await using writer = await store.openUpload(location, 0)
    await writer?.write(bytes)
    await writer?.sync()
  }
  await store.finish(location)
  await expectBytes(store, location, bytes)
}

async function expectBytes(store: BlobStore, location: string, bytes: Buffer): Promise<void> {
  await using reader = await store.open(location)
  const pieces: Uint8Array[] = []
  for await (const piece of reader?.read(0, bytes.length - 1) ?? []) pieces.push(Buffer.from(piece))
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
}

/** Nothing else that a machine may have counts: no profile, no other role. */
async function withEnvironment(
  variables: Readonly<Record<string, string>>,
  work: () => Promise<void>,
): Promise<void> {
  const before = { ...process.env }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  const nothing = '/nonexistent/aws'
  Object.assign(process.env, {
    ...{ AWS_CONFIG_FILE: nothing, AWS_SHARED_CREDENTIALS_FILE: nothing },
    ...{ AWS_EC2_METADATA_DISABLED: 'true', ...variables },
  })
  try {
    await work()
  } finally {
    for (const name of Object.keys(process.env)) delete process.env[name]
    Object.assign(process.env, before)
  }
}
