import type { UploadRecord } from '../db/uploads.ts'
import type { ByteRange } from '../domain/byte-range.ts'
import type { Digest } from '../domain/digest.ts'
import { RegistryError } from '../domain/errors.ts'
import type { RequestBody, UploadSession } from './upload-session.ts'

export interface Chunk {
  readonly body: RequestBody
  /** From Content-Range, if the client sent one. */
  readonly range: ByteRange | null
}

export async function receiveChunk(
  session: UploadSession,
  upload: UploadRecord,
  { chunk, signal }: { readonly chunk: Chunk; readonly signal: AbortSignal },
) {
  const { body, range } = chunk
  if (range) refuseOutOfOrder(upload, range)
  if (body.lengthBytes === 0 && range === null) return
  await session.receive(body, range && range.end - range.start + 1, signal)
}

/** OCI distribution-spec, "Pushing a blob in chunks": chunks must come in order, else 416. */
export function refuseOutOfOrder(upload: UploadRecord, range: ByteRange) {
  if (range.start === upload.offsetBytes) return
  throw new RegistryError(
    'RANGE_INVALID',
    `The chunk starts at ${range.start}, but the upload goes on at ${upload.offsetBytes}.`,
    { detail: { offset: upload.offsetBytes } },
  )
}

export function digestError(arrived: UploadSession, wanted: Digest): RegistryError {
  const { offsetBytes, digest } = arrived
  return new RegistryError(
    'DIGEST_INVALID',
    `The ${offsetBytes} bytes that arrived hash to ${digest}, not to ${wanted}.`,
    { detail: { digest } },
  )
}
