import { RegistryError } from '../domain/errors.ts'

/** A request that writes to an upload, or is about to. */
interface Turn {
  readonly epoch: number
  readonly overtaken: AbortController
  readonly ended: Promise<void>
}

/**
 * One writer an upload in this process: a newcomer, whose epoch is higher, stops the one before
 * and waits until it has written its last byte (DESIGN 5, MUST 6).
 */
export class UploadTurns {
  readonly #turns = new Map<string, Turn>()

  /** Uploads that are being written now. */
  get size(): number {
    return this.#turns.size
  }

  /**
   * Runs `work` as the upload's one writer; its signal fires when somebody overtakes it. Throws
   * BLOB_UPLOAD_INVALID when a higher epoch came first.
   */
  async take<T>(
    uploadId: string,
    epoch: number,
    work: (overtaken: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const previous = this.#turns.get(uploadId)
    if (previous && previous.epoch > epoch) throw overtakenError()
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const turn: Turn = { epoch, overtaken: new AbortController(), ended }
    this.#turns.set(uploadId, turn)
    try {
      previous?.overtaken.abort(overtakenError())
      await previous?.ended
      turn.overtaken.signal.throwIfAborted()
      return await work(turn.overtaken.signal)
    } finally {
      end()
      if (this.#turns.get(uploadId) === turn) this.#turns.delete(uploadId)
    }
  }

  /** Stops the upload's writer, if any, and waits for it. */
  async stop(uploadId: string, reason: RegistryError = overtakenError()): Promise<void> {
    const turn = this.#turns.get(uploadId)
    turn?.overtaken.abort(reason)
    await turn?.ended
  }

  /** Stops every writer; each keeps what it received. Resolves when all have ended. */
  async stopAll(): Promise<void> {
    const reason = new RegistryError('UNAVAILABLE', 'The server is stopping.')
    await Promise.all([...this.#turns.keys()].map((id) => this.stop(id, reason)))
  }
}

/** What the request hears that had to stop. */
export function overtakenError(): RegistryError {
  return new RegistryError(
    'BLOB_UPLOAD_INVALID',
    'Another request goes on with this upload: this one was stopped.',
  )
}
