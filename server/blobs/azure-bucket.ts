import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob'
import { openAzureContainer } from './azure-client.ts'
import { presignAzure } from './azure-presign.ts'
import type { AzureSettings } from './azure-settings.ts'
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
import { rangeBody } from './range-body.ts'
import { isCloudFault, withRetries } from './retries.ts'

const deletionsAtOnce = 16
const listedAtOnce = 5000
/** Blocks have no upload that they belong to, but the blob. */
const blocks = 'blocks'
/** 409 with one of these: there is nothing there, or nothing any more. */
const missing = ['BlobNotFound', 'BlobBeingDeleted', 404] as const

export function openAzureBucket(settings: AzureSettings): Bucket {
  return new AzureBucket(settings)
}

class AzureBucket implements Bucket {
  readonly name: string
  /** The service has no limit; one that is much too small makes too many. */
  readonly minPartBytes = 1024 * 1024
  readonly #settings: AzureSettings
  readonly #container: ContainerClient
  readonly #listings: AzureListings

  constructor(settings: AzureSettings) {
    this.#settings = settings
    this.#container = openAzureContainer(settings)
    const { accountName, containerName } = this.#container
    this.name = `azure:${accountName}/${containerName}/${settings.prefix}`
    this.#listings = new AzureListings(this.#container)
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const upload = { blobHTTPHeaders: { blobContentMD5: md5(bytes) } }
    await withRetries(() => this.#blob(key).upload(bodyOf(bytes), bytes.length, upload))
  }

  async findSize(key: string): Promise<number | undefined> {
    const found = await unlessMissing(withRetries(() => this.#blob(key).getProperties()))
    return found && (found.contentLength ?? 0)
  }

  async get(key: string, { start, end }: ByteSpan): Promise<Readable | undefined> {
    const download = () => this.#blob(key).download(start, end - start + 1, { maxRetryRequests: 0 })
    const found = await unlessMissing(withRetries(download))
    return rangeBody(found?.readableStreamBody, { contentRange: found?.contentRange, start })
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += deletionsAtOnce) {
      const some = keys.slice(at, at + deletionsAtOnce)
      await Promise.all(
        some.map((key) => unlessMissing(withRetries(() => this.#blob(key).delete()))),
      )
    }
  }

  list(page: BucketPage): Promise<readonly BucketObject[]> {
    return this.#listings.list(page)
  }

  listIncomplete(page: BucketPage): Promise<readonly string[]> {
    return this.#listings.listUncommitted(page)
  }

  async beginParts(): Promise<string> {
    return blocks
  }

  /** They stay for a week. */
  async hasParts(key: string): Promise<boolean> {
    const list = () => this.#blob(key).getBlockList('all')
    const found = await unlessMissing(withRetries(list))
    return (found?.uncommittedBlocks ?? []).length > 0
  }

  async putPart({ key, number, bytes, signal }: NewPart): Promise<StagedPart> {
    const tag = blockId(number)
    const check = { transactionalContentMD5: md5(bytes), abortSignal: signal }
    const send = () => this.#blob(key).stageBlock(tag, bodyOf(bytes), bytes.length, check)
    await withRetries(send, { signal })
    return { number, sizeBytes: bytes.length, tag }
  }

  async completeParts(key: string, _multipartId: string, parts: readonly StagedPart[]) {
    const tags = parts.map(({ tag }) => tag)
    await withRetries(() => this.#blob(key).commitBlockList(tags))
  }

  /** Committed blocks can be listed again beside new ones: nothing is copied. */
  async takeUp({ key, lengthBytes, reserve }: TakingUp): Promise<TakenUp> {
    const list = () => this.#blob(key).getBlockList('committed')
    const { committedBlocks = [] } = await withRetries(list)
    await passNumbersOf(committedBlocks, reserve)
    const parts: StagedPart[] = []
    let left = lengthBytes
    for (const { name, size } of committedBlocks) {
      if (size > left) break
      parts.push({ number: 0, sizeBytes: size, tag: name })
      left -= size
    }
    return { multipartId: parts.length === 0 ? null : blocks, parts }
  }

  /** Blocks that were never committed go when the others are committed again. */
  async abortParts(key: string): Promise<void> {
    const found = await unlessMissing(withRetries(() => this.#blob(key).getBlockList('all')))
    if ((found?.uncommittedBlocks ?? []).length === 0) return
    const committed = found?.committedBlocks ?? []
    // A blob that came whole has none: its bytes would go with them. They stay for a week.
    if (committed.length === 0 && (await this.findSize(key)) !== undefined) return
    const tags = committed.map(({ name }) => name)
    await withRetries(() => this.#blob(key).commitBlockList(tags))
    if (committed.length === 0) await this.delete([key])
  }

  presign(key: string, expiresInSeconds: number): Promise<string> {
    return presignAzure({ ...this.#settings, container: this.#container }, key, expiresInSeconds)
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #blob(key: string): BlockBlobClient {
    return this.#container.getBlockBlobClient(key)
  }
}

interface Position {
  readonly key: string
  readonly marker: string | undefined
}

/**
 * Azure goes on with a listing by a mark of its own, not by a key. The last marks are kept; a
 * listing that goes on elsewhere begins again and skips.
 */
class AzureListings {
  readonly #container: ContainerClient
  readonly #marks = new Map<string, Position>()

  constructor(container: ContainerClient) {
    this.#container = container
  }

  async list(page: BucketPage): Promise<readonly BucketObject[]> {
    return this.#walk(page, false)
  }

  async listUncommitted(page: BucketPage): Promise<readonly string[]> {
    return (await this.#walk(page, true)).map(({ key }) => key)
  }

  async #walk({ prefix, after, count }: BucketPage, uncommitted: boolean): Promise<BucketObject[]> {
    const listing = `${uncommitted} ${prefix}`
    const mark = this.#marks.get(listing)
    let marker = mark !== undefined && after !== null && mark.key <= after ? mark.marker : undefined
    const found: BucketObject[] = []
    do {
      const page = await withRetries(() => this.#page(prefix, marker, uncommitted))
      for (const each of page.objects) {
        if (each.isUncommitted === uncommitted && (after === null || each.key > after)) {
          found.push({ key: each.key, sizeBytes: each.sizeBytes })
        }
      }
      const first = page.objects[0]
      if (first !== undefined) this.#marks.set(listing, { key: first.key, marker })
      marker = page.next
    } while (marker !== undefined && found.length < count)
    return found.slice(0, count)
  }

  async #page(prefix: string, marker: string | undefined, includeUncommitedBlobs: boolean) {
    const pages = this.#container.listBlobsFlat({ prefix, includeUncommitedBlobs }).byPage({
      maxPageSize: listedAtOnce,
      ...(marker !== undefined && { continuationToken: marker }),
    })
    const { value, done } = await pages.next()
    if (done) return { objects: [], next: undefined }
    const objects = value.segment.blobItems.map(({ name, properties }) => ({
      key: name,
      sizeBytes: properties.contentLength ?? 0,
      // A blob of which nothing is committed has no such time.
      isUncommitted: properties.createdOn === undefined && properties.contentLength === 0,
    }))
    return { objects, next: value.continuationToken === '' ? undefined : value.continuationToken }
  }
}

/** Ids of one blob have to be equally long. */
function blockId(number: number): string {
  return Buffer.from(String(number).padStart(9, '0')).toString('base64')
}

/**
 * Who counts from the first again, since a crash came between completing the blob and writing that
 * down, must not get the number of a block that stays: a new block of that id would take its place.
 */
async function passNumbersOf(
  blocks: readonly { readonly name: string }[],
  reserve: TakingUp['reserve'],
): Promise<void> {
  const last = Math.max(0, ...blocks.map(({ name }) => numberOf(name)))
  const next = last === 0 ? 1 : await reserve(1)
  if (next < last) await reserve(last - next)
}

function numberOf(blockId: string): number {
  return Number(Buffer.from(blockId, 'base64').toString()) || 0
}

function md5(bytes: Uint8Array): Uint8Array {
  return createHash('md5').update(bytes).digest()
}

/** Its client takes a Buffer, of exactly these bytes. */
function bodyOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    const isGone = missing.some((what) => isCloudFault(error, what))
    if (isGone && !isCloudFault(error, 'ContainerNotFound')) return undefined
    throw error
  }
}
