import { ArchiveError } from './limits.ts'

export const blockBytes = 512

/** One header block as it stands (POSIX.1-1988 ustar, and what GNU tar writes). */
export interface TarHeader {
  readonly name: Uint8Array
  /** One character; what old tar wrote as NUL is `0`. */
  readonly typeFlag: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  /** Seconds since 1970. */
  readonly mtime: number
  readonly linkName: Uint8Array
  readonly deviceMajor: number
  readonly deviceMinor: number
  /** In GNU's old sparse format: the size with its holes. */
  readonly realSizeBytes: number
  /** There also: whether more headers with parts of its map follow. */
  readonly hasSparseExtension: boolean
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (const byte of block) if (byte !== 0) return false
  return true
}

/** Throws ArchiveError when it is no header. */
export function parseTarHeader(block: Uint8Array): TarHeader {
  checkSum(block)
  const isGnu = latin1(block.subarray(257, 265)) === 'ustar  \0'
  const isUstar = latin1(block.subarray(257, 263)) === 'ustar\0'
  const flag = latin1(block.subarray(156, 157))
  const prefix = isUstar ? untilNul(block.subarray(345, 500)) : new Uint8Array(0)
  const name = untilNul(block.subarray(0, 100))
  return {
    name: prefix.length === 0 ? name : joined(prefix, name),
    typeFlag: flag === '\0' ? '0' : flag,
    mode: number(block.subarray(100, 108), 'mode') & 0o7777,
    uid: number(block.subarray(108, 116), 'owner'),
    gid: number(block.subarray(116, 124), 'group'),
    sizeBytes: size(block.subarray(124, 136)),
    mtime: number(block.subarray(136, 148), 'time'),
    linkName: untilNul(block.subarray(157, 257)),
    deviceMajor: isGnu || isUstar ? number(block.subarray(329, 337), 'device') : 0,
    deviceMinor: isGnu || isUstar ? number(block.subarray(337, 345), 'device') : 0,
    realSizeBytes: isGnu && flag === 'S' ? size(block.subarray(483, 495)) : 0,
    hasSparseExtension: isGnu && flag === 'S' && block[482] !== 0,
  }
}

/** Of the bytes, its own field taken as spaces; some tars added them up as signed ones. */
function checkSum(block: Uint8Array): void {
  let unsigned = 0
  let signed = 0
  for (let at = 0; at < blockBytes; at += 1) {
    const byte = at >= 148 && at < 156 ? 32 : (block[at] ?? 0)
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  const stated = number(block.subarray(148, 156), 'checksum')
  if (stated !== unsigned && stated !== signed) {
    throw new ArchiveError('It is broken: the checksum of a header is wrong.')
  }
}

function size(field: Uint8Array): number {
  const value = number(field, 'size')
  if (value < 0) throw new ArchiveError('It is broken: an entry has a negative size.')
  return value
}

/** Octal digits, or with the first bit set a big-endian number (GNU). */
function number(field: Uint8Array, what: string): number {
  const first = field[0] ?? 0
  const value = (first & 0x80) === 0 ? octal(field) : base256(field, first)
  if (!Number.isSafeInteger(value)) {
    throw new ArchiveError(`It is broken: the ${what} of an entry is no number.`)
  }
  return value
}

function octal(field: Uint8Array): number {
  const text = latin1(field)
    .replace(/\0[\s\S]*$/, '')
    .trim()
  if (text === '') return 0
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN
}

function base256(field: Uint8Array, first: number): number {
  let value = first & 0x40 ? first - 256 : first & 0x7f
  for (const byte of field.subarray(1)) value = value * 256 + byte
  return value
}

function untilNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0)
  return field.slice(0, end < 0 ? field.length : end)
}

function joined(prefix: Uint8Array, name: Uint8Array): Uint8Array {
  const whole = new Uint8Array(prefix.length + 1 + name.length)
  whole.set(prefix)
  whole[prefix.length] = 0x2f
  whole.set(name, prefix.length + 1)
  return whole
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
