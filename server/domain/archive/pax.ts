import { ArchiveError } from './limits.ts'

/** What PAX headers say of the entry that follows; only what is used here (POSIX.1-2001, pax). */
export interface PaxRecords {
  path?: Uint8Array
  linkpath?: Uint8Array
  sizeBytes?: number
  mtime?: number
  uid?: number
  gid?: number
  /** GNU's sparse formats 0.0, 0.1 and 1.0: stored with holes. */
  sparse?: true
  /** Then the path that counts. */
  sparsePath?: Uint8Array
  /** The size with its holes. */
  realSizeBytes?: number
}

const decoder = new TextDecoder('latin1')

/** `<length> <key>=<value>\n`, one after another. Throws ArchiveError. */
export function parsePax(bytes: Uint8Array): PaxRecords {
  const records: PaxRecords = {}
  let at = 0
  while (at < bytes.length && bytes[at] !== 0) {
    const { key, value, next } = recordAt(bytes, at)
    apply(records, key, value)
    at = next
  }
  return records
}

function recordAt(bytes: Uint8Array, at: number) {
  const space = bytes.indexOf(0x20, at)
  const digits = space < 0 || space - at > 10 ? '' : decoder.decode(bytes.subarray(at, space))
  const next = at + Number(digits)
  const isWhole = /^[0-9]+$/.test(digits) && next <= bytes.length && bytes[next - 1] === 0x0a
  const equals = isWhole ? bytes.indexOf(0x3d, space) : -1
  if (equals < 0 || equals >= next) {
    throw new ArchiveError('It is broken: a PAX header is not as it must be.')
  }
  const key = decoder.decode(bytes.subarray(space + 1, equals))
  return { key, value: bytes.slice(equals + 1, next - 1), next }
}

function apply(records: PaxRecords, key: string, value: Uint8Array): void {
  switch (key) {
    case 'path':
      records.path = value
      return
    case 'linkpath':
      records.linkpath = value
      return
    case 'size':
      records.sizeBytes = whole(value, 'size')
      return
    case 'mtime':
      records.mtime = seconds(value)
      return
    case 'uid':
    case 'gid':
      records[key] = whole(value, key)
      return
    case 'GNU.sparse.name':
      records.sparsePath = value
      break
    case 'GNU.sparse.size':
    case 'GNU.sparse.realsize':
      records.realSizeBytes = whole(value, 'size')
  }
  if (key.startsWith('GNU.sparse.')) records.sparse = true
}

function whole(value: Uint8Array, what: string): number {
  const text = decoder.decode(value.subarray(0, 20))
  const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
  if (value.length > 16 || !Number.isSafeInteger(number)) {
    throw new ArchiveError(`It is broken: the ${what} in a PAX header is no number.`)
  }
  return number
}

function seconds(value: Uint8Array): number {
  const text = decoder.decode(value.subarray(0, 64))
  return /^-?[0-9]{1,15}(?:\.[0-9]*)?$/.test(text) ? Number(text) : 0
}
