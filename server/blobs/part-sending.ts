import { RegistryError } from '../domain/errors.ts'
import type { Bucket, NewPart } from './bucket.ts'
import type { GatheredBytes } from './growing-buffer.ts'
import type { StagedPart } from './part-ledger.ts'

/** Sends gathered bytes as a part; their buffer is used again only if nobody can be reading it. */
export async function sendGathered(
  bucket: Bucket,
  part: Omit<NewPart, 'bytes'>,
  { bytes, sent, dropped }: GatheredBytes,
): Promise<StagedPart> {
  try {
    const landed = await bucket.putPart({ ...part, bytes })
    sent()
    return landed
  } catch (error) {
    // What was sending it may not have stopped.
    dropped()
    throw error
  }
}

export function stoppedError(): RegistryError {
  return new RegistryError('UNAVAILABLE', 'The upload was stopped: another request took over.')
}
