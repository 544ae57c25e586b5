import { RegistryError } from '../domain/errors.ts'
import type { StagedPart, StagedState, StagedTail } from './part-ledger.ts'

export function sumOf(parts: readonly StagedPart[]): number {
  return parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

/**
 * The state with only the first `offsetBytes`: whole parts and the tail behind them, or what can be
 * read. Undefined: that cuts through a part, which has to become readable first.
 */
export function cutOff(
  state: StagedState,
  offsetBytes: number,
  minPartBytes: number,
): StagedState | undefined {
  const parts = partsWithin(state.parts, offsetBytes, minPartBytes)
  if (offsetBytes === 0 || (parts.length > 0 && sumOf(parts) === offsetBytes)) {
    return keep(state, { sizeBytes: offsetBytes, parts }, undefined)
  }
  const tail = state.tails.findLast(
    ({ startBytes, sizeBytes }) =>
      startBytes < offsetBytes &&
      startBytes + sizeBytes >= offsetBytes &&
      (parts.length > 0 ? startBytes === sumOf(parts) : startBytes <= state.sealedBytes),
  )
  if (tail !== undefined) return keep(state, { sizeBytes: offsetBytes, parts }, tail)
  if (state.sealedBytes < offsetBytes) return undefined
  return keep(state, { sizeBytes: offsetBytes, parts: [] }, undefined)
}

/** The tail that all of it ends with. */
export function lastTail({ tails, sizeBytes }: StagedState): StagedTail | undefined {
  return tails.findLast((tail) => tail.startBytes + tail.sizeBytes === sizeBytes)
}

/**
 * The state of bytes that are to be finished with this digest. Throws BLOB_UPLOAD_INVALID where others
 * were: whoever was overtaken in another process may still be sending those, to the same place.
 */
export function finishAs(state: StagedState, digest: string | undefined): StagedState {
  const { finishedAs } = state
  if (digest === undefined || digest === finishedAs) return state
  if (finishedAs === undefined) return { ...state, finishedAs: digest }
  const as = finishedAs ?? 'something else'
  throw new RegistryError(
    'BLOB_UPLOAD_INVALID',
    `Another request began to finish this upload as ${as}, and these bytes are ${digest}. Start a new upload.`,
  )
}

function keep(
  state: StagedState,
  kept: Pick<StagedState, 'sizeBytes' | 'parts'>,
  tail: StagedTail | undefined,
): StagedState {
  const dropped = state.tails.filter((each) => each !== tail).map(({ number }) => number)
  return {
    ...state,
    ...kept,
    // What the object has beyond is not what follows.
    sealedBytes: Math.min(state.sealedBytes, kept.sizeBytes),
    multipartId: kept.parts.length === 0 && kept.sizeBytes > 0 ? null : state.multipartId,
    tails: tail ? [{ ...tail, sizeBytes: kept.sizeBytes - tail.startBytes }] : [],
    litter: [...state.litter, ...dropped],
  }
}

/** A part that is too small for its place was meant as the last one: others cannot follow it. */
function partsWithin(
  parts: readonly StagedPart[],
  offsetBytes: number,
  minPartBytes: number,
): readonly StagedPart[] {
  let left = offsetBytes
  const past = parts.findIndex(({ sizeBytes }) => {
    left -= sizeBytes
    return left < 0 || sizeBytes < minPartBytes
  })
  return past === -1 ? parts : parts.slice(0, past)
}
