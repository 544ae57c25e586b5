import { Readable } from 'node:stream'
import type { ImageEntry } from '../../domain/archive/entry.ts'
import { RegistryError } from '../../domain/errors.ts'
import { openBlob } from '../blobs.ts'
import type { Answer } from './answers.ts'
import type { FilesRequest, ImageFiles, ReadImage } from './image-files.ts'
import type { ImageLayer } from './image-layers.ts'
import type { Key } from './outcomes.ts'
import { ReadingThread } from './reading-thread.ts'

/** A file of an image that somebody may read. */
export interface FileRequest extends FilesRequest {
  readonly image: ReadImage
  readonly entry: ImageEntry
}

/** The first bytes of a file. */
export interface Beginning {
  readonly bytes: Uint8Array
}

/** Whether there is content to be read: of a file, without holes, that is still there. */
export function hasContent({ type, sparse, change }: ImageEntry): boolean {
  return type === 'file' && !sparse && change !== 'deleted'
}

/** What is in the files of images. A packed layer is unpacked up to the file each time. */
export class FileContents implements AsyncDisposable {
  readonly #files: ImageFiles
  readonly #downloads = new Map<Readable, string>()

  constructor(files: ImageFiles) {
    this.#files = files
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#downloads.keys()) stream.destroy()
  }

  /** The first `maxTextBytes`. */
  async readBeginning(request: FileRequest): Promise<Answer<Beginning>> {
    const { caller, entry } = request
    const { outcomes, deps } = this.#files
    const layer = layerOf(request)
    const lengthBytes = Math.min(entry.sizeBytes, deps.limits.maxTextBytes)
    if (lengthBytes === 0) return { state: 'ready', bytes: new Uint8Array(0) }
    const key: Key<Beginning> = `content ${layer.digest} ${entry.offsetBytes}`
    const known = outcomes.find(key)
    if (known) return known
    return this.#files.wait({
      key,
      caller,
      totalBytes: layer.size,
      run: (thread, addBytes) =>
        outcomes.make(key, layer.digest, async () => {
          const bytes = new Uint8Array(lengthBytes)
          let at = 0
          const take = async (piece: Uint8Array) => {
            bytes.set(piece, at)
            at += piece.length
          }
          await this.#read(request, { thread, lengthBytes, take, onStoredBytes: addBytes })
          return { value: { bytes }, bytes: lengthBytes }
        }),
    })
  }

  /**
   * The whole content, unpacked as it is taken. Throws TOOMANYREQUESTS when too many are under way;
   * the stream fails with ArchiveError, with CLIENT_GONE when nobody takes anything for long.
   */
  open(request: FileRequest): Readable {
    this.#checkRoom(request.caller)
    const { limits } = this.#files.deps
    // How long it takes is up to the client.
    const thread = new ReadingThread({ ...limits, maxJobMs: 24 * 60 * 60_000 })
    const outlet = openOutlet(limits.maxStalledMs)
    const { stream } = outlet
    this.#downloads.set(stream, request.caller)
    stream.once('close', () => {
      this.#downloads.delete(stream)
      void thread[Symbol.asyncDispose]()
    })
    const part = { thread, lengthBytes: request.entry.sizeBytes, take: outlet.take }
    this.#read(request, part).then(
      () => stream.push(null),
      (error: Error) => stream.destroy(error),
    )
    return stream
  }

  async #read(
    request: FileRequest,
    part: {
      readonly thread: ReadingThread
      readonly lengthBytes: number
      readonly take: (piece: Uint8Array) => Promise<void>
      readonly onStoredBytes?: (bytes: number) => void
    },
  ): Promise<void> {
    const { target, image, entry } = request
    const { digest } = layerOf(request)
    const { lengthBytes, take, thread, onStoredBytes } = part
    await using reader = await openBlob(this.#files.deps, { ...target, digest })
    const { offsetBytes } = entry
    if (lengthBytes === 0) return
    if (image.layers[entry.contentLayer]?.packing === 'none') {
      const pieces = reader.read(offsetBytes, offsetBytes + lengthBytes - 1)
      // A copy: the store uses its buffers again.
      for await (const piece of pieces) await take(new Uint8Array(piece))
      return
    }
    const input = { storedBytes: reader.sizeBytes, offsetBytes, lengthBytes }
    const stored = reader.read(0, reader.sizeBytes - 1)
    await thread.run('read', { input, stored, take, ...(onStoredBytes && { onStoredBytes }) })
  }

  #checkRoom(caller: string): void {
    const { maxDownloads, maxDownloadsOfCaller } = this.#files.deps.limits
    const own = [...this.#downloads.values()].filter((each) => each === caller).length
    if (this.#downloads.size < maxDownloads && own < maxDownloadsOfCaller) return
    throw new RegistryError(
      'TOOMANYREQUESTS',
      `${this.#downloads.size} files are being downloaded out of images, ${own} of them by you: try again when one is done.`,
      { headers: { 'retry-after': '10' } },
    )
  }
}

function layerOf({ image, entry }: FileRequest): ImageLayer {
  const layer = image.layers[entry.contentLayer]
  if (layer === undefined) throw new Error('a file of no layer')
  return layer
}

/** A stream whose pieces are taken one by one. */
function openOutlet(maxStalledMs: number) {
  let wake = () => {}
  const stream = new Readable({ read: () => wake(), highWaterMark: 256 * 1024 })
  const take = async (piece: Uint8Array): Promise<void> => {
    if (stream.destroyed) throw new RegistryError('CLIENT_GONE')
    const isWanted = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new RegistryError('CLIENT_GONE')), maxStalledMs)
      const settle = (end: () => void) => () => {
        clearTimeout(timer)
        stream.off('close', onClose)
        end()
      }
      const onClose = settle(() => reject(new RegistryError('CLIENT_GONE')))
      wake = settle(resolve)
      stream.once('close', onClose)
    })
    if (stream.push(piece)) wake()
    await isWanted
  }
  return { stream, take }
}
