import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  type _Error as S3KeyError,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { RegistryError } from '../domain/errors.ts'
import type {
  Bucket,
  BucketObject,
  BucketPage,
  ByteSpan,
  NewPart,
  TakenUp,
  TakingUp,
} from './bucket.ts'
import type { StagedPart } from './part-ledger.ts'
import { copySizes, minPartBytes } from './part-sizes.ts'
import { rangeBody } from './range-body.ts'
import { isCloudFault, withRetries } from './retries.ts'
import { md5, openS3Client } from './s3-client.ts'
import type { S3Settings } from './s3-settings.ts'

const deletionsAtOnce = 1000

export function openS3Bucket(settings: S3Settings): Bucket {
  return new S3Bucket(settings)
}

class S3Bucket implements Bucket {
  readonly name: string
  readonly minPartBytes: number
  readonly #settings: S3Settings
  readonly #client: S3Client
  /** For addresses that clients follow: they may need another host than this server does. */
  #signer: S3Client | undefined
  readonly #where: { readonly Bucket: string }

  constructor(settings: S3Settings) {
    this.name = `s3:${settings.bucket}/${settings.prefix}`
    this.minPartBytes = settings.uniformPartBytes ?? minPartBytes
    this.#settings = settings
    this.#client = openS3Client(settings)
    this.#where = { Bucket: settings.bucket }
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const command = new PutObjectCommand({
      ...this.#object(key),
      ...this.#encryption(),
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: md5(bytes),
    })
    await withRetries(() => this.#client.send(command))
  }

  async findSize(key: string): Promise<number | undefined> {
    const command = new HeadObjectCommand(this.#object(key))
    const found = await unlessMissing(withRetries(() => this.#client.send(command)))
    return found && (found.ContentLength ?? 0)
  }

  async get(key: string, { start, end }: ByteSpan): Promise<Readable | undefined> {
    const command = new GetObjectCommand({ ...this.#object(key), Range: `bytes=${start}-${end}` })
    const found = await unlessMissing(withRetries(() => this.#client.send(command)))
    return rangeBody(found?.Body, { contentRange: found?.ContentRange, start })
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += deletionsAtOnce) {
      await this.#deleteSome(keys.slice(at, at + deletionsAtOnce))
    }
  }

  async list({ prefix, after, count }: BucketPage): Promise<readonly BucketObject[]> {
    const found: BucketObject[] = []
    let token: string | undefined
    do {
      const command: ListObjectsV2Command = new ListObjectsV2Command({
        ...this.#where,
        Prefix: prefix,
        MaxKeys: Math.min(1000, count - found.length),
        ...(after !== null && { StartAfter: after }),
        ...(token !== undefined && { ContinuationToken: token }),
      })
      const page = await withRetries(() => this.#client.send(command))
      for (const { Key, Size = 0 } of page.Contents ?? []) {
        if (Key !== undefined) found.push({ key: Key, sizeBytes: Size })
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
      // What is not in the list counts as not there.
      if (page.IsTruncated && token === undefined) throw broken('a list that breaks off')
    } while (token !== undefined && found.length < count)
    return found
  }

  async listIncomplete({ prefix, after, count }: BucketPage): Promise<readonly string[]> {
    const keys = new Set<string>()
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined =
      after === null ? {} : { KeyMarker: after }
    while (marker !== undefined && keys.size < count) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        ...this.#where,
        ...marker,
        Prefix: prefix,
      })
      const page = await withRetries(() => this.#client.send(command))
      for (const { Key } of page.Uploads ?? []) {
        if (Key !== undefined && (after === null || Key > after)) keys.add(Key)
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
      marker =
        IsTruncated && NextKeyMarker !== undefined
          ? {
              KeyMarker: NextKeyMarker,
              ...(NextUploadIdMarker !== undefined && { UploadIdMarker: NextUploadIdMarker }),
            }
          : undefined
    }
    return [...keys].slice(0, count)
  }

  async beginParts(key: string): Promise<string> {
    const command = new CreateMultipartUploadCommand({
      ...this.#object(key),
      ...this.#encryption(),
    })
    const { UploadId } = await withRetries(() => this.#client.send(command))
    if (UploadId === undefined) throw broken('a multipart upload without its id')
    return UploadId
  }

  async hasParts(key: string, multipartId: string): Promise<boolean> {
    const command = new ListPartsCommand({
      ...this.#object(key),
      UploadId: multipartId,
      MaxParts: 1,
    })
    return (await unlessMissing(withRetries(() => this.#client.send(command)))) !== undefined
  }

  async putPart({ key, multipartId, number, bytes, signal }: NewPart): Promise<StagedPart> {
    const command = new UploadPartCommand({
      ...this.#object(key),
      UploadId: multipartId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: md5(bytes),
    })
    const send = () => this.#client.send(command, { abortSignal: signal })
    const { ETag } = await withRetries(send, { signal })
    if (ETag === undefined) throw broken('a part without its ETag')
    return { number, sizeBytes: bytes.length, tag: ETag }
  }

  async completeParts(key: string, multipartId: string, parts: readonly StagedPart[]) {
    const command = new CompleteMultipartUploadCommand({
      ...this.#object(key),
      UploadId: multipartId,
      MultipartUpload: {
        Parts: parts.map(({ number, tag }) => ({ PartNumber: number, ETag: tag })),
      },
    })
    await withRetries(() => this.#client.send(command))
  }

  async takeUp({ key, lengthBytes, reserve }: TakingUp): Promise<TakenUp> {
    const sizes = copySizes(lengthBytes, this.#settings.uniformPartBytes)
    if (sizes.length === 0) return { multipartId: null, parts: [] }
    const multipartId = await this.beginParts(key)
    const first = await reserve(sizes.length)
    const parts: StagedPart[] = []
    let start = 0
    for (const [index, sizeBytes] of sizes.entries()) {
      const number = first + index
      const end = start + sizeBytes - 1
      parts.push(await this.#copyPart({ key, multipartId, number }, { start, end }))
      start = end + 1
    }
    return { multipartId, parts }
  }

  async abortParts(key: string): Promise<void> {
    // A part that was on its way may come after the abort: then the upload is listed still.
    for (let round = 0; round < 3; round += 1) {
      const ids = await this.#openUploads(key)
      if (ids.length === 0) return
      for (const id of ids) await this.#abortUpload(key, id)
    }
  }

  async presign(key: string, expiresInSeconds: number): Promise<string> {
    const { publicEndpoint, endpoint } = this.#settings
    this.#signer ??= openS3Client(this.#settings, publicEndpoint ?? endpoint)
    const command = new GetObjectCommand(this.#object(key))
    return await getSignedUrl(this.#signer, command, { expiresIn: expiresInSeconds })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
    this.#signer?.destroy()
  }

  #object(key: string) {
    return { ...this.#where, Key: key }
  }

  #encryption() {
    const { encryption } = this.#settings
    if (encryption === null) return {}
    const { kind, kmsKeyId } = encryption
    return { ServerSideEncryption: kind, ...(kmsKeyId !== null && { SSEKMSKeyId: kmsKeyId }) }
  }

  async #deleteSome(keys: readonly string[]): Promise<void> {
    const [only] = keys
    if (keys.length === 1 && only !== undefined) {
      const command = new DeleteObjectCommand(this.#object(only))
      await unlessMissing(withRetries(() => this.#client.send(command)))
      return
    }
    const command = new DeleteObjectsCommand({
      ...this.#where,
      Delete: { Quiet: true, Objects: keys.map((Key) => ({ Key })) },
    })
    await withRetries(async () => {
      const { Errors = [] } = await this.#client.send(command)
      const failed = Errors.find(({ Code }) => Code !== 'NoSuchKey')
      if (failed !== undefined) throw keyFault(failed)
    })
  }

  async #copyPart(
    to: { readonly key: string; readonly multipartId: string; readonly number: number },
    { start, end }: ByteSpan,
  ): Promise<StagedPart> {
    const command = new UploadPartCopyCommand({
      ...this.#object(to.key),
      UploadId: to.multipartId,
      PartNumber: to.number,
      CopySource: encodeURI(`${this.#settings.bucket}/${to.key}`),
      CopySourceRange: `bytes=${start}-${end}`,
    })
    const { CopyPartResult } = await withRetries(() => this.#client.send(command))
    const tag = CopyPartResult?.ETag
    if (tag === undefined) throw broken('a copied part without its ETag')
    return { number: to.number, sizeBytes: end - start + 1, tag }
  }

  async #openUploads(key: string): Promise<string[]> {
    const command = new ListMultipartUploadsCommand({ ...this.#where, Prefix: key })
    const { Uploads = [] } = await withRetries(() => this.#client.send(command))
    return Uploads.flatMap(({ Key, UploadId }) =>
      Key === key && UploadId !== undefined ? [UploadId] : [],
    )
  }

  async #abortUpload(key: string, multipartId: string): Promise<void> {
    const command = new AbortMultipartUploadCommand({
      ...this.#object(key),
      UploadId: multipartId,
    })
    await unlessMissing(withRetries(() => this.#client.send(command)))
  }
}

/** A bucket that is not there is another matter. */
async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isCloudFault(error, 404) && !isCloudFault(error, 'NoSuchBucket')) return undefined
    throw error
  }
}

function broken(what: string): RegistryError {
  return new RegistryError('UNAVAILABLE', `The blob store answered with ${what}.`)
}

/** What an answer that is good as a whole says of one key. */
function keyFault({ Code: code = 'unknown', Message: message = '' }: S3KeyError): Error {
  const statusCode = code === 'AccessDenied' ? 403 : 400
  return Object.assign(new Error(message), { code, statusCode })
}
