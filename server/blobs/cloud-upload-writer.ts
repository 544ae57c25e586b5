import type { UploadWriter } from './blob-store.ts'
import { type Assembled, completeOnce, isFinishedAs } from './cloud-completion.ts'
import type { CloudParts } from './cloud-parts.ts'
import { readRange } from './cloud-range.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { PartFlights } from './part-flights.ts'
import type { StagedState, StagedTail } from './part-ledger.ts'
import { PartNumbers } from './part-numbers.ts'
import { sendGathered, stoppedError } from './part-sending.ts'
import { finishAs, lastTail, sumOf } from './staged-state.ts'

const partsInFlight = 3

export interface OpenedUpload {
  readonly location: string
  /** The ledger's count. */
  readonly writer: number
  readonly state: StagedState
}

/**
 * Gathers bytes into parts and sends several at once. Nothing is sent before it fills a part, a row
 * wants to vouch for it (then as a tail, an object of its own), or the whole is known.
 */
export class CloudUploadWriter implements UploadWriter {
  /** Parts cannot be read before they are put together. */
  readonly writtenBytes = 0
  readonly #cloud: CloudParts
  readonly #location: string
  readonly #key: string
  /** The ledger's count. */
  readonly writer: number
  readonly #stop = new AbortController()
  readonly #buffer: GrowingBuffer
  readonly #flights = new PartFlights(partsInFlight)
  readonly #numbers: PartNumbers
  #state: StagedState
  #offsetBytes: number
  #loading: Promise<void> | undefined
  /** Readable bytes that have to become parts again before others can follow. */
  #baseBytes = 0
  #assembled: Assembled | undefined
  #failure: unknown

  constructor(cloud: CloudParts, { location, writer, state }: OpenedUpload) {
    this.#cloud = cloud
    this.#buffer = new GrowingBuffer(cloud.buffers)
    this.#location = location
    this.#key = cloud.keys.blob(location)
    this.writer = writer
    this.#numbers = new PartNumbers(writer, (count) => this.#reserveRun(count))
    this.#state = state
    this.#offsetBytes = state.sizeBytes
  }

  get offsetBytes(): number {
    return this.#offsetBytes
  }

  /** Undefined: what was written last is not whole at the service. */
  get assembled(): Assembled | undefined {
    return this.#assembled
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#requireOpen()
    if (chunk.length === 0) return
    this.#cloud.passed.add(chunk.length)
    try {
      await this.#gather(chunk)
    } catch (error) {
      // How much of the chunk it took is nobody's to rely on.
      this.#failure ??= error
      throw error
    }
  }

  async #gather(chunk: Uint8Array): Promise<void> {
    await this.#load()
    this.#assembled = undefined
    for (let at = 0; at < chunk.length; ) {
      this.#requireOpen()
      const partBytes = this.#cloud.partSizes(this.#state.parts.length + this.#flights.count)
      const taken = this.#buffer.add(chunk.subarray(at), partBytes)
      at += taken
      this.#offsetBytes += taken
      if (this.#buffer.lengthBytes >= partBytes) await this.#sendPart()
    }
  }

  async sync(): Promise<number> {
    this.#requireOpen()
    await this.#settle()
    if (this.#offsetBytes === this.#state.sizeBytes) {
      if (!this.#state.isSettled) await this.#record({ ...this.#state, isSettled: true })
      return this.#offsetBytes
    }
    const tail = await this.#putTail()
    // The row may not know of this sync when a crash comes: the tail of the one before stays too.
    const before = this.#state.tails.slice(-1)
    const dropped = this.#state.tails.slice(0, -1).map(({ number }) => number)
    await this.#record({
      ...this.#state,
      sizeBytes: this.#offsetBytes,
      tails: tail === undefined ? before : [...before, tail],
      litter: [...this.#state.litter, ...dropped],
      isSettled: true,
    })
    await this.#tidy()
    return this.#offsetBytes
  }

  async syncBytes(digest?: string): Promise<number> {
    this.#requireOpen()
    if (this.#assembled !== undefined) return this.#offsetBytes
    if (await this.#wasFinishedAs(digest)) return this.#offsetBytes
    this.#state = finishAs(this.#state, digest)
    if (await this.#isReadable()) {
      this.#assembled = { state: this.#state, isWhole: true }
      return this.#offsetBytes
    }
    await this.#load()
    await this.#settle()
    if (this.#baseBytes === 0 && this.#state.parts.length === 0) await this.#putWhole()
    else await this.#putRest()
    return this.#offsetBytes
  }

  /** Makes the parts so far readable at the key of the blob. */
  async seal(): Promise<StagedState> {
    await this.#settle()
    const { multipartId, parts } = this.#state
    if (multipartId === null || parts.length === 0) return this.#state
    await completeOnce(this.#cloud.bucket, this.#key, { multipartId, parts })
    const sealedBytes = sumOf(parts)
    await this.#record({ ...this.#state, multipartId: null, parts: [], sealedBytes })
    if (this.#loading !== undefined) this.#baseBytes = sealedBytes
    return this.#state
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stop.signal.aborted) this.#stop.abort(stoppedError())
    await this.#loading?.catch(() => undefined)
    await this.#flights.end()
    this.#buffer.take().dropped()
  }

  /** An earlier request finished these very bytes, and no row says so: they stay as they are. */
  async #wasFinishedAs(digest: string | undefined): Promise<boolean> {
    if (digest === undefined || this.#state.finishedAs !== null) return false
    const sizeBytes = this.#offsetBytes
    if (!(await isFinishedAs(this.#cloud.bucket, this.#key, { sizeBytes, digest }))) return false
    const state = { ...this.#state, sizeBytes, sealedBytes: sizeBytes, finishedAs: digest }
    this.#assembled = { state, isWhole: true }
    return true
  }

  /** Nothing came, and the object at the key is all that is staged, and no more. */
  async #isReadable(): Promise<boolean> {
    const { sealedBytes, sizeBytes, multipartId } = this.#state
    const isThere = sealedBytes === sizeBytes && sizeBytes > 0 && multipartId === null
    if (!isThere || this.#offsetBytes !== sizeBytes) return false
    return (await this.#cloud.bucket.findSize(this.#key)) === sizeBytes
  }

  /** Brings what is staged behind the last whole part into the buffer; once. */
  #load(): Promise<void> {
    this.#loading ??= this.#loadNow()
    return this.#loading
  }

  async #loadNow(): Promise<void> {
    const { sizeBytes, parts } = this.#state
    if (sumOf(parts) === sizeBytes) return
    const tail = lastTail(this.#state)
    if (parts.length === 0) await this.#loadBase(tail?.startBytes ?? sizeBytes)
    if (tail === undefined) return
    const key = this.#cloud.keys.tail(this.#location, tail.number)
    await this.#fill(key, { start: 0, end: tail.sizeBytes - 1 })
  }

  async #loadBase(lengthBytes: number): Promise<void> {
    if (lengthBytes === 0) return
    await this.#takeUp(lengthBytes)
    const start = sumOf(this.#state.parts)
    if (start < lengthBytes) await this.#fill(this.#key, { start, end: lengthBytes - 1 })
  }

  async #fill(key: string, range: { readonly start: number; readonly end: number }) {
    for await (const piece of readRange(this.#cloud.bucket, key, range)) {
      this.#buffer.add(piece, Number.MAX_SAFE_INTEGER)
    }
  }

  async #takeUp(lengthBytes: number): Promise<void> {
    const taken = await this.#cloud.bucket.takeUp({
      ...{ key: this.#key, lengthBytes },
      reserve: (count) => this.#reserveRun(count),
    })
    this.#state = { ...this.#state, ...taken }
  }

  async #sendPart(): Promise<void> {
    const { bucket, memory } = this.#cloud
    this.#land(await this.#flights.room())
    const number = await this.#numbers.part()
    const multipartId = await this.#begin()
    const { lengthBytes } = this.#buffer
    await memory.take(lengthBytes)
    const part = { key: this.#key, multipartId, number, signal: this.#stop.signal }
    const gathered = this.#buffer.take()
    this.#flights.launch(() =>
      sendGathered(bucket, part, gathered).finally(() => memory.give(lengthBytes)),
    )
  }

  #land(landed: readonly StagedState['parts'][number][]): void {
    this.#state = { ...this.#state, parts: [...this.#state.parts, ...landed] }
  }

  async #settle(): Promise<void> {
    this.#land(await this.#flights.settle())
  }

  async #begin(): Promise<string> {
    if (this.#baseBytes > 0) {
      await this.#takeUp(this.#baseBytes)
      this.#baseBytes = 0
    }
    const { multipartId } = this.#state
    if (multipartId !== null) return multipartId
    const begun = await this.#cloud.bucket.beginParts(this.#key)
    this.#state = { ...this.#state, multipartId: begun }
    return begun
  }

  #reserveRun(count: number): Promise<number> {
    return this.#cloud.ledger.reserve(this.#location, this.writer, count)
  }

  async #putTail(): Promise<StagedTail | undefined> {
    const bytes = this.#buffer.view()
    if (bytes.length === 0) return undefined
    const number = this.#numbers.tail()
    await this.#cloud.bucket.put(this.#cloud.keys.tail(this.#location, number), bytes)
    return { number, startBytes: this.#offsetBytes - bytes.length, sizeBytes: bytes.length }
  }

  /** Its digest was checked: one object, under the key of the blob. */
  async #putWhole(): Promise<void> {
    // Who is overtaken from now on may still send them: the ledger says which they are.
    await this.#record(this.#state)
    await this.#cloud.bucket.put(this.#key, this.#buffer.view())
    const sizeBytes = this.#offsetBytes
    const state = { ...this.#state, multipartId: null, sizeBytes, sealedBytes: sizeBytes }
    this.#assembled = { state, isWhole: true }
  }

  /** The last part may be short. It stays in the buffer too, should more bytes come after all. */
  async #putRest(): Promise<void> {
    const bytes = this.#buffer.view()
    const multipartId = await this.#begin()
    const rest = []
    if (bytes.length > 0) {
      const part = { key: this.#key, multipartId, number: await this.#numbers.part(), bytes }
      rest.push(await this.#cloud.bucket.putPart({ ...part, signal: this.#stop.signal }))
    }
    const parts = [...this.#state.parts, ...rest]
    const state = { ...this.#state, parts, sizeBytes: this.#offsetBytes }
    await this.#cloud.ledger.record(this.#location, this.writer, state)
    this.#assembled = { state, isWhole: false }
  }

  async #record(state: StagedState): Promise<void> {
    await this.#cloud.ledger.record(this.#location, this.writer, state)
    this.#state = state
  }

  /** What cannot be removed now goes with the upload. */
  async #tidy(): Promise<void> {
    const { litter } = this.#state
    if (litter.length === 0) return
    const keys = litter.map((number) => this.#cloud.keys.tail(this.#location, number))
    const isGone = await this.#cloud.bucket.delete(keys).then(
      () => true,
      () => false,
    )
    if (isGone) this.#state = { ...this.#state, litter: [] }
  }

  #requireOpen(): void {
    if (this.#stop.signal.aborted) throw stoppedError()
    if (this.#failure !== undefined) throw this.#failure
    this.#flights.requireSound()
  }
}
