import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Bucket, TakingUp } from '../../server/blobs/bucket.ts'
import type { StagedPart } from '../../server/blobs/part-ledger.ts'
import { copySizes, minPartBytes } from '../../server/blobs/part-sizes.ts'
import { cloudError } from '../../server/blobs/retries.ts'

/** As Amazon has it; Ceph does not mind. */
const lastPartNumber = 10_000

/** A bucket of S3 in memory, with its rules for parts, where no service can be made to keep them. */
export function openMemoryS3(): Bucket {
  const objects = new Map<string, Buffer>()
  const uploads = new Map<string, { readonly key: string; readonly parts: Map<number, Buffer> }>()
  let begun = 0
  const uploadOf = (id: string) => uploads.get(id) ?? refuse(404, 'NoSuchUpload')
  const putPart = (id: string, number: number, bytes: Uint8Array): StagedPart => {
    if (number < 1 || number > lastPartNumber) refuse(400, 'InvalidArgument')
    uploadOf(id).parts.set(number, Buffer.from(bytes))
    return { number, sizeBytes: bytes.length, tag: tagOf(bytes) }
  }
  const beginParts = async (key: string) => {
    begun += 1
    uploads.set(`upload-${begun}`, { key, parts: new Map() })
    return `upload-${begun}`
  }
  const keysOf = (keys: Iterable<string>, prefix: string, after: string | null) =>
    [...keys].filter((key) => key.startsWith(prefix) && (after === null || key > after)).sort()
  return {
    name: 'memory',
    minPartBytes,
    beginParts,
    put: async (key, bytes) => void objects.set(key, Buffer.from(bytes)),
    findSize: async (key) => objects.get(key)?.length,
    async get(key, { start, end }) {
      const bytes = objects.get(key)
      return bytes && Readable.from([bytes.subarray(start, end + 1)])
    },
    async delete(keys) {
      for (const key of keys) objects.delete(key)
    },
    list: async ({ prefix, after, count }) =>
      keysOf(objects.keys(), prefix, after)
        .slice(0, count)
        .map((key) => ({ key, sizeBytes: objects.get(key)?.length ?? 0 })),
    async listIncomplete({ prefix, after, count }) {
      const keys = [...uploads.values()].map(({ key }) => key)
      return keysOf(new Set(keys), prefix, after).slice(0, count)
    },
    hasParts: async (_key, id) => uploads.has(id),
    putPart: async ({ multipartId, number, bytes }) => putPart(multipartId, number, bytes),
    async completeParts(key, id, parts) {
      const { parts: known } = uploadOf(id)
      const pieces = parts.map(({ number, tag }) => {
        const bytes = known.get(number)
        return bytes && tagOf(bytes) === tag ? bytes : refuse(400, 'InvalidPart')
      })
      objects.set(key, Buffer.concat(pieces))
      uploads.delete(id)
    },
    async takeUp({ key, lengthBytes, reserve }: TakingUp) {
      const bytes = objects.get(key) ?? refuse(404, 'NoSuchKey')
      const sizes = copySizes(lengthBytes, null)
      if (sizes.length === 0) return { multipartId: null, parts: [] }
      const multipartId = await beginParts(key)
      const first = await reserve(sizes.length)
      let at = 0
      const parts = sizes.map((size, index) => {
        at += size
        return putPart(multipartId, first + index, bytes.subarray(at - size, at))
      })
      return { multipartId, parts }
    },
    async abortParts(key) {
      for (const [id, upload] of uploads) if (upload.key === key) uploads.delete(id)
    },
    presign: async () => refuse(501, 'NotImplemented'),
    async [Symbol.asyncDispose]() {},
  }
}

function tagOf(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

function refuse(status: number, code: string): never {
  throw cloudError({ status, code, message: code })
}
