import { decodeLeniently, parseArchivePath } from './archive-path.ts'
import type { EntryProblem, LayerEntry } from './entry.ts'
import { ArchiveError, type ArchiveLimits } from './limits.ts'
import { type PaxRecords, parsePax } from './pax.ts'
import { blockBytes, isZeroBlock, parseTarHeader, type TarHeader } from './tar-header.ts'
import { parseWhiteout } from './whiteout.ts'

/** Is told of an archive, in its order. Pieces of content are valid only during the call. */
export interface TarListener {
  entry(entry: LayerEntry): void
  /** Of the last entry, if that is a file without holes. */
  content(piece: Uint8Array): void
  contentEnd(): void
  problem(problem: EntryProblem): void
}

type State = 'header' | 'sparse map' | 'meta' | 'content' | 'skip' | 'end'

const types: Readonly<Record<string, LayerEntry['type']>> = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hard link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
}

/**
 * Reads a tar archive piece by piece: ustar, GNU and PAX. It keeps one header and nothing else,
 * whatever the archive claims. Throws ArchiveError when it is broken or beyond a limit.
 */
export class TarReader {
  readonly #limits: ArchiveLimits
  readonly #listener: TarListener
  readonly #block = new Uint8Array(blockBytes)
  #filledBytes = 0
  #state: State = 'header'
  #leftBytes = 0
  #paddingBytes = 0
  #offsetBytes = 0
  #entries = 0
  #sawZeroBlock = false
  #meta: { readonly typeFlag: string; readonly bytes: Uint8Array } | undefined
  #pax: PaxRecords = {}
  #longName: Uint8Array | undefined
  #longLink: Uint8Array | undefined
  #held: TarHeader | undefined

  constructor(limits: ArchiveLimits, listener: TarListener) {
    this.#limits = limits
    this.#listener = listener
  }

  /** Whether the archive has ended: what follows is none of it. */
  get isDone(): boolean {
    return this.#state === 'end'
  }

  get entries(): number {
    return this.#entries
  }

  /** Bytes of content that come next: who can seek, and wants none of it, may `pass` over them. */
  get passableBytes(): number {
    return this.#state === 'content' || this.#state === 'skip' ? this.#leftBytes : 0
  }

  pass(bytes: number): void {
    if (bytes <= 0) return
    this.#leftBytes -= bytes
    this.#offsetBytes += bytes
    this.#step()
  }

  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length && this.#state !== 'end'; ) {
      const taken = this.#take(piece, at)
      at += taken
      this.#offsetBytes += taken
      if (this.#offsetBytes > this.#limits.maxUnpackedBytes) {
        throw new ArchiveError(
          `It unpacks to more than ${this.#limits.maxUnpackedBytes} bytes, which is the limit.`,
        )
      }
      this.#step()
    }
  }

  /** Nothing follows. Many archives lack the blocks that should end them. */
  end(): void {
    if (this.#state === 'end' || (this.#state === 'header' && this.#filledBytes === 0)) return
    throw new ArchiveError('It is cut off: it ends in the middle of an entry.')
  }

  /** How many bytes of the piece belong to what is being read. */
  #take(piece: Uint8Array, at: number): number {
    if (this.#state === 'header' || this.#state === 'sparse map') {
      const count = Math.min(blockBytes - this.#filledBytes, piece.length - at)
      this.#block.set(piece.subarray(at, at + count), this.#filledBytes)
      this.#filledBytes += count
      return count
    }
    const inContent = Math.min(this.#leftBytes, piece.length - at)
    if (inContent > 0) {
      this.#takeContent(piece.subarray(at, at + inContent))
      this.#leftBytes -= inContent
      return inContent
    }
    const inPadding = Math.min(this.#paddingBytes, piece.length - at)
    this.#paddingBytes -= inPadding
    return inPadding
  }

  #takeContent(piece: Uint8Array): void {
    if (this.#state === 'content') this.#listener.content(piece)
    if (this.#state !== 'meta' || this.#meta === undefined) return
    this.#meta.bytes.set(piece, this.#meta.bytes.length - this.#leftBytes)
  }

  #step(): void {
    switch (this.#state) {
      case 'header':
        if (this.#filledBytes === blockBytes) this.#takeHeader()
        return
      case 'sparse map':
        if (this.#filledBytes === blockBytes) this.#takeSparseMap()
        return
      case 'end':
        return
      default:
        if (this.#leftBytes === 0) this.#endContent()
    }
  }

  #takeHeader(): void {
    this.#filledBytes = 0
    if (isZeroBlock(this.#block)) {
      if (this.#sawZeroBlock) this.#state = 'end'
      this.#sawZeroBlock = true
      return
    }
    if (this.#sawZeroBlock) {
      throw new ArchiveError('It is broken: entries follow the block that should end it.')
    }
    this.#entries += 1
    if (this.#entries > this.#limits.maxEntries) {
      throw new ArchiveError(
        `It has more than ${this.#limits.maxEntries} entries, which is the limit.`,
      )
    }
    const header = parseTarHeader(this.#block)
    if ('xLK'.includes(header.typeFlag)) this.#beginMeta(header)
    else if (header.typeFlag === 'g') this.#beginSkip(header.sizeBytes)
    else if (header.hasSparseExtension) {
      this.#held = header
      this.#state = 'sparse map'
    } else this.#takeEntry(header)
  }

  /** GNU's old sparse format: blocks of 21 parts each, the last byte but seven says if one follows. */
  #takeSparseMap(): void {
    this.#filledBytes = 0
    if (this.#block[504] !== 0 || this.#held === undefined) return
    this.#takeEntry(this.#held)
    this.#held = undefined
  }

  #beginMeta({ typeFlag, sizeBytes }: TarHeader): void {
    if (sizeBytes > this.#limits.maxHeaderBytes) {
      throw new ArchiveError(
        `It has a header of ${sizeBytes} bytes; at most ${this.#limits.maxHeaderBytes} are read.`,
      )
    }
    this.#meta = { typeFlag, bytes: new Uint8Array(sizeBytes) }
    this.#begin('meta', sizeBytes)
  }

  #beginSkip(sizeBytes: number): void {
    this.#begin('skip', sizeBytes)
  }

  #begin(state: State, sizeBytes: number): void {
    this.#state = state
    this.#leftBytes = sizeBytes
    this.#paddingBytes = (blockBytes - (sizeBytes % blockBytes)) % blockBytes
    if (sizeBytes === 0) this.#endContent()
  }

  #endContent(): void {
    if (this.#state === 'content') this.#listener.contentEnd()
    if (this.#state === 'meta' && this.#meta !== undefined) this.#keepMeta(this.#meta)
    this.#meta = undefined
    // What pads the content is skipped first.
    this.#state = this.#paddingBytes > 0 ? 'skip' : 'header'
  }

  #keepMeta({ typeFlag, bytes }: { readonly typeFlag: string; readonly bytes: Uint8Array }): void {
    if (typeFlag === 'x') this.#pax = { ...this.#pax, ...parsePax(bytes) }
    const end = bytes.indexOf(0)
    const text = end < 0 ? bytes : bytes.subarray(0, end)
    if (typeFlag === 'L') this.#longName = text
    if (typeFlag === 'K') this.#longLink = text
  }

  #takeEntry(header: TarHeader): void {
    const pax = this.#pax
    const name = pax.sparsePath ?? pax.path ?? this.#longName ?? header.name
    const link = pax.linkpath ?? this.#longLink ?? header.linkName
    this.#pax = {}
    this.#longName = undefined
    this.#longLink = undefined
    const type = typeOf(header, name)
    const hasContent = type === 'file' || type === undefined
    const sizeBytes = hasContent ? (pax.sizeBytes ?? header.sizeBytes) : 0
    const entry = type && this.#entryOf({ header, pax, type, name, link, sizeBytes })
    if (type === undefined) {
      const shown = parseArchivePath(name, this.#limits)
      const path = shown.ok ? shown.path : shown.shown
      this.#listener.problem({
        path,
        message: `Its type ${JSON.stringify(header.typeFlag)} is not known.`,
      })
    }
    if (entry) this.#listener.entry(entry)
    const isRead = entry?.type === 'file' && !entry.sparse
    this.#begin(isRead ? 'content' : 'skip', sizeBytes)
  }

  #entryOf(found: Found): LayerEntry | undefined {
    const { header, pax, type, name, link, sizeBytes } = found
    const parsed = parseArchivePath(name, this.#limits)
    if (!parsed.ok) return this.#refuse(parsed.shown, parsed.problem)
    const what = parseWhiteout(parsed.path)
    if ('problem' in what) return this.#refuse(parsed.path, what.problem)
    if (what.kind === 'ignored') return undefined
    const target = this.#linkTargetOf(type, link)
    if (target === undefined)
      return this.#refuse(parsed.path, 'Its link leads nowhere in an image.')
    const isDevice = type === 'character-device' || type === 'block-device'
    const sparse = header.typeFlag === 'S' || pax.sparse === true
    return {
      path: what.path,
      type: what.kind === 'entry' ? type : what.kind,
      sizeBytes: sparse ? (pax.realSizeBytes ?? header.realSizeBytes) : sizeBytes,
      mode: header.mode,
      uid: pax.uid ?? header.uid,
      gid: pax.gid ?? header.gid,
      mtime: pax.mtime ?? header.mtime,
      linkTarget: target,
      device: isDevice ? `${header.deviceMajor}:${header.deviceMinor}` : null,
      sparse,
      offsetBytes: this.#offsetBytes,
      sha256: null,
    }
  }

  /** Null: it is no link. Undefined: the link is nothing that can be followed or shown. */
  #linkTargetOf(type: LayerEntry['type'], link: Uint8Array): string | null | undefined {
    if (type === 'hard link') {
      const parsed = parseArchivePath(link, this.#limits)
      return parsed.ok && parsed.path !== '' ? parsed.path : undefined
    }
    if (type !== 'symlink') return null
    const isUsable =
      link.length > 0 && link.length <= this.#limits.maxPathBytes && !link.includes(0)
    return isUsable ? decodeLeniently(link) : undefined
  }

  #refuse(path: string, message: string): undefined {
    this.#listener.problem({ path, message })
  }
}

interface Found {
  readonly header: TarHeader
  readonly pax: PaxRecords
  readonly type: LayerEntry['type']
  readonly name: Uint8Array
  readonly link: Uint8Array
  readonly sizeBytes: number
}

/** Before ustar a folder was a file whose name ends in a slash. */
function typeOf({ typeFlag }: TarHeader, name: Uint8Array): LayerEntry['type'] | undefined {
  const type = types[typeFlag]
  return type === 'file' && name.at(-1) === 0x2f ? 'directory' : type
}
