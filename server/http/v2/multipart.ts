import { randomUUID } from 'node:crypto'
import type { BlobReader } from '../../blobs/blob-store.ts'
import type { ByteRange } from '../../domain/byte-range.ts'
import type { Exchange } from './exchange.ts'
import { type Headers, writeHead } from './reply.ts'
import { sendPiece, sendPieces } from './stream.ts'

/**
 * Several ranges as `multipart/byteranges` (RFC 9110, 14.6): exactly one part for each that was
 * asked for, in that order, since podman counts them.
 */
export async function sendParts(
  exchange: Exchange,
  reader: BlobReader,
  { headers, ranges }: { headers: Headers; ranges: readonly ByteRange[] },
) {
  const { res } = exchange
  const boundary = randomUUID()
  const parts = ranges.map((range) => ({
    range,
    head: partHead(boundary, range, reader.sizeBytes),
  }))
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const length = parts.reduce(
    (sum, { range, head }) => sum + head.byteLength + range.end - range.start + 1,
    tail.byteLength,
  )
  writeHead(res, 206, {
    ...headers,
    'content-type': `multipart/byteranges; boundary=${boundary}`,
    'content-length': length,
  })
  for (const { range, head } of parts) {
    await sendPiece(res, head)
    await sendPieces(exchange, reader.read(range.start, range.end))
  }
  res.end(tail)
}

function partHead(boundary: string, { start, end }: ByteRange, sizeBytes: number): Buffer {
  return Buffer.from(
    `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\n` +
      `Content-Range: bytes ${start}-${end}/${sizeBytes}\r\n\r\n`,
  )
}
