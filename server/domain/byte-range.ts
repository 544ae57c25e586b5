import { RegistryError } from './errors.ts'

/** Bytes from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** More ranges than this in one header are answered with the whole content. */
export const maxRanges = 512

/**
 * The ranges that a `Range` header asks of content of this size (RFC 9110, 14.1.2), clipped to its
 * end, in the order asked. Undefined when the header is to be ignored: another unit, bad syntax,
 * or too many ranges. Throws RANGE_INVALID (416) when none can be satisfied.
 */
export function parseRange(header: string, sizeBytes: number): ByteRange[] | undefined {
  const [, list] = /^bytes\s*=\s*(.+)$/i.exec(header.trim()) ?? []
  if (list === undefined) return undefined
  const specs = list.split(',').map((spec) => spec.trim())
  if (specs.length > maxRanges) return undefined
  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const [, from, to] = /^(\d*)-(\d*)$/.exec(spec) ?? []
    if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
    const range = resolve(from, to, sizeBytes)
    if (range) ranges.push(range)
  }
  if (ranges.length === specs.length) return ranges
  // A part left out of a multipart answer would shift the others for clients that count them.
  throw new RegistryError(
    'RANGE_INVALID',
    `The range ${header.slice(0, 100)} lies outside of the ${sizeBytes} bytes there are.`,
    { headers: { 'content-range': `bytes */${sizeBytes}` } },
  )
}

function resolve(from: string, to: string, sizeBytes: number): ByteRange | undefined {
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes)
    return length === 0 ? undefined : { start: sizeBytes - length, end: sizeBytes - 1 }
  }
  const start = Number(from)
  const end = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1)
  return start > end || start >= sizeBytes ? undefined : { start, end }
}

/**
 * The `Content-Range` of an upload's chunk: `0-99` (OCI distribution-spec, "Pushing a blob in
 * chunks") or the RFC's `bytes 0-99/*`. Throws RANGE_INVALID when it is neither.
 */
export function parseContentRange(header: string): ByteRange {
  const [, from, to] =
    /^(?:bytes\s+)?(\d{1,15})-(\d{1,15})(?:\/(?:\*|\d+))?$/.exec(header.trim()) ?? []
  const start = Number(from)
  const end = Number(to)
  if (from !== undefined && to !== undefined && start <= end) return { start, end }
  throw new RegistryError(
    'RANGE_INVALID',
    `"${header.slice(0, 100)}" is no Content-Range of a chunk: it must look like 0-1048575.`,
  )
}
