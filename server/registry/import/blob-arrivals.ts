import type { Digest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import type { Descriptor } from '../../domain/manifest.ts'
import type { RepositoryName } from '../../domain/reference.ts'
import type { Pace } from '../backup/pace.ts'
import type { ImportReport } from './import-report.ts'
import type { Slots } from './slots.ts'
import type { Source, SourceBlob } from './source.ts'
import type { ImportTarget } from './target.ts'

export interface ArrivalsDeps {
  readonly source: Source
  readonly target: ImportTarget
  readonly report: ImportReport
  readonly pace: Pace
  /** How many blobs are on their way at once. */
  readonly slots: Slots
}

export interface WantedBlob {
  /** As the source names it. */
  readonly from: string
  readonly to: RepositoryName
  readonly blob: Pick<Descriptor, 'digest' | 'size'>
  /** It may be elsewhere (`urls`): where the source has none, none is missed. */
  readonly isOptional: boolean
}

/** Blobs on their way, a few at once, each once: who wants one that is coming waits, and shares it. */
export class BlobArrivals {
  readonly #deps: ArrivalsDeps
  readonly #arriving = new Map<Digest, Promise<void>>()

  constructor(deps: ArrivalsDeps) {
    this.#deps = deps
  }

  /** Returns once the repository has it, or once it is named as one that it lacks: false. */
  async bring(wanted: WantedBlob): Promise<boolean> {
    const { target, report } = this.#deps
    const { digest } = wanted.blob
    report.signal.throwIfAborted()
    const isComing = this.#arriving.has(digest)
    try {
      if (await target.hasBlob(wanted.to, digest)) report.count('alreadyThere')
      else {
        await this.#alone(digest, (hasWaited) => this.#mountOrPut(wanted, isComing || hasWaited))
      }
      return true
    } catch (error) {
      if (wanted.isOptional && isRefusal(error, 'BLOB_UNKNOWN')) report.count('elsewhere')
      else report.skipFor(error, { what: 'blob', name: `${wanted.from}@${digest}` })
      return false
    }
  }

  async #alone(digest: Digest, work: (hasWaited: boolean) => Promise<void>): Promise<void> {
    let hasWaited = false
    for (;;) {
      const other = this.#arriving.get(digest)
      if (other === undefined) break
      hasWaited = true
      await other.catch(() => undefined)
    }
    const arriving = this.#deps.slots.run(() => work(hasWaited))
    this.#arriving.set(digest, arriving)
    try {
      await arriving
    } finally {
      this.#arriving.delete(digest)
    }
  }

  async #mountOrPut({ from, to, blob }: WantedBlob, mayBeThere: boolean): Promise<void> {
    const { source, target, report } = this.#deps
    const { digest } = blob
    report.signal.throwIfAborted()
    // Another image of this repository may have brought it meanwhile.
    if (mayBeThere && (await target.hasBlob(to, digest))) return report.count('alreadyThere')
    if (await target.mountBlob(to, digest)) return report.count('shared')
    const found = await source.openBlob(from, blob)
    const paced = this.#paced(found)
    const how = await target.putBlob({ ...{ repository: to, digest }, ...paced })
    report.count(how)
    if (how === 'linked') report.count('bytesLinked', found.sizeBytes)
  }

  #paced(found: SourceBlob): { readonly blob: SourceBlob; readonly signal: AbortSignal } {
    const { pace, report } = this.#deps
    const { sizeBytes, file } = found
    const chunks = async function* (start: number, signal: AbortSignal) {
      let at = start
      for await (const piece of found.chunks(start, signal)) {
        signal.throwIfAborted()
        at += piece.byteLength
        // Whoever sends without end must not fill the disk.
        if (at > sizeBytes) throw wrongSize(`more than ${sizeBytes}`, sizeBytes)
        await pace.spend(piece.byteLength)
        report.count('bytesCopied', piece.byteLength)
        yield piece
      }
      if (at < sizeBytes) throw wrongSize(`only ${at}`, sizeBytes)
    }
    return { blob: { sizeBytes, file, chunks }, signal: report.signal }
  }
}

function wrongSize(found: string, sizeBytes: number): RegistryError {
  const message = `It has ${found} bytes; its manifest says ${sizeBytes}.`
  return new RegistryError('DIGEST_INVALID', message)
}
