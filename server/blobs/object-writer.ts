import type { Bucket } from './bucket.ts'
import { completeOnce } from './cloud-completion.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { PartBuffers } from './part-buffers.ts'
import { PartFlights } from './part-flights.ts'
import type { StagedPart } from './part-ledger.ts'
import { PartMemory } from './part-memory.ts'
import { sendGathered, stoppedError } from './part-sending.ts'
import { alikeParts } from './part-sizes.ts'

const partsInFlight = 3
const mostOnTheirWayBytes = 64 * 1024 * 1024

/** What all who write objects to a bucket share: it bounds what is in memory. */
export interface ObjectParts {
  readonly bucket: Bucket
  readonly buffers: PartBuffers
  readonly memory: PartMemory
}

export function shareParts(bucket: Bucket): ObjectParts {
  return { bucket, buffers: new PartBuffers(), memory: new PartMemory(mostOnTheirWayBytes) }
}

/**
 * Writes an object that nobody sees before it is completed: in one piece, or in parts that are all
 * alike. Nobody else knows of the parts: one that is cut off leaves them to whoever lists what is
 * incomplete. One writer a key.
 */
export class ObjectWriter {
  readonly #parts: ObjectParts
  readonly #key: string
  readonly #partBytes: number
  readonly #stop = new AbortController()
  readonly #flights = new PartFlights(partsInFlight)
  readonly #buffer: GrowingBuffer
  readonly #landed: StagedPart[] = []
  #multipartId: string | undefined
  #next = 1

  /** `sizeBytes`: how large it becomes, about. */
  constructor(parts: ObjectParts, key: string, sizeBytes: number) {
    this.#parts = parts
    this.#key = key
    this.#partBytes = alikeParts(sizeBytes, parts.bucket.minPartBytes)
    this.#buffer = new GrowingBuffer(parts.buffers)
  }

  /** Resolves when the next piece may come; the piece may be used again then. */
  async write(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      this.#flights.requireSound()
      at += this.#buffer.add(piece.subarray(at), this.#partBytes)
      if (this.#buffer.lengthBytes >= this.#partBytes) await this.#send()
    }
  }

  /** It is there, whole and durable. */
  async complete(): Promise<void> {
    const { bucket } = this.#parts
    if (this.#multipartId === undefined) {
      await bucket.put(this.#key, this.#buffer.view())
      this.#buffer.take().sent()
      return
    }
    if (this.#buffer.lengthBytes > 0) await this.#send()
    this.#landed.push(...(await this.#flights.settle()))
    const parts = { multipartId: this.#multipartId, parts: this.#landed }
    await completeOnce(bucket, this.#key, parts)
  }

  /** Nobody needs it. What cannot be removed now is incomplete. */
  async abort(): Promise<void> {
    this.#stop.abort(stoppedError())
    await this.#flights.end()
    this.#buffer.take().dropped()
    if (this.#multipartId === undefined) return
    await this.#parts.bucket.abortParts(this.#key).catch(() => undefined)
  }

  async #send(): Promise<void> {
    const { bucket, memory } = this.#parts
    this.#landed.push(...(await this.#flights.room()))
    this.#multipartId ??= await bucket.beginParts(this.#key)
    const { lengthBytes } = this.#buffer
    await memory.take(lengthBytes)
    const part = { key: this.#key, multipartId: this.#multipartId, number: this.#next }
    this.#next += 1
    const gathered = this.#buffer.take()
    this.#flights.launch(() =>
      sendGathered(bucket, { ...part, signal: this.#stop.signal }, gathered).finally(() =>
        memory.give(lengthBytes),
      ),
    )
  }
}
