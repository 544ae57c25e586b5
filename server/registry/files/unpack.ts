import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ArchiveError } from '../../domain/archive/limits.ts'
import type { Packing } from './thread-messages.ts'

/** How an archive is packed, by what it begins with: media types are only claims. */
export function packingOf(beginning: Uint8Array): Packing {
  const hex = Buffer.from(beginning.subarray(0, 6)).toString('hex')
  if (hex.startsWith('1f8b')) return 'gzip'
  // A frame, or a skippable one before it.
  if (hex.startsWith('28b52ffd') || /^5[0-9a-f]2a4d18/.test(hex)) return 'zstd'
  const other = others.find(([start]) => hex.startsWith(start))
  if (other !== undefined) {
    throw new ArchiveError(`It is packed by ${other[1]}; only gzip, zstd and plain tar are read.`)
  }
  return 'none'
}

const others: readonly (readonly [start: string, name: string])[] = [
  ['fd377a585a00', 'xz'],
  ['425a68', 'bzip2'],
  ['04224d18', 'lz4'],
  ['504b0304', 'zip'],
  ['7b', 'nothing that is an archive: it is JSON'],
]

const chunkBytes = 256 * 1024

export interface Unpacked {
  readonly packing: Packing
  /** Each piece is valid until the next is asked for. */
  readonly pieces: AsyncIterable<Uint8Array>
}

/** Unpacks with bounded memory. Asking for pieces throws ArchiveError when it is broken. */
export function unpack(stored: Iterable<Uint8Array>): Unpacked {
  const { beginning, whole } = withBeginning(stored)
  const packing = packingOf(beginning)
  return { packing, pieces: unpackers[packing](whole) }
}

const unpackers: Readonly<
  Record<Packing, (stored: Iterable<Uint8Array>) => AsyncIterable<Uint8Array>>
> = { none: plain, gzip: gunzip, zstd: unzstd }

function withBeginning(stored: Iterable<Uint8Array>) {
  const iterator = stored[Symbol.iterator]()
  const first = iterator.next()
  const beginning = first.done ? new Uint8Array(0) : first.value
  function* whole() {
    yield beginning
    for (let next = iterator.next(); !next.done; next = iterator.next()) yield next.value
  }
  return { beginning, whole: whole() }
}

async function* plain(stored: Iterable<Uint8Array>) {
  yield* stored
}

async function* gunzip(stored: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: chunkBytes })
  const source = Readable.from(stored, { objectMode: true, highWaterMark: 1 })
  source.once('error', (error) => stream.destroy(error))
  source.pipe(stream)
  try {
    yield* stream as AsyncIterable<Uint8Array>
  } catch (cause) {
    if (!isZlibError(cause)) throw cause
    throw new ArchiveError(`It is broken: gzip says "${cause.message}".`, { cause })
  } finally {
    source.destroy()
    stream.destroy()
  }
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))
}

/** How often nothing may come out before more goes in: libzstd gives up sooner. */
const maxIdleTurns = 64

/** WebAssembly, so its memory is its own; libzstd refuses windows of more than 128 MiB. */
async function* unzstd(stored: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { ZSTDDecoder } = await import('zstddec/stream')
  const decoder = new ZSTDDecoder()
  await decoder.init()
  let idleTurns = 0
  function* counted() {
    for (const piece of stored) {
      idleTurns = 0
      yield piece
    }
  }
  try {
    for (const piece of decoder.decodeStreaming(counted())) {
      idleTurns = piece.length > 0 ? 0 : idleTurns + 1
      if (idleTurns > maxIdleTurns) throw new Error('no progress')
      if (piece.length > 0) yield piece
    }
  } catch (cause) {
    if (cause instanceof ArchiveError) throw cause
    const reason = 'zstd cannot unpack it. It is cut off, or its window is larger than 128 MiB'
    throw new ArchiveError(`It is broken: ${reason}.`, { cause })
  }
}
