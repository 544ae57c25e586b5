import type { ServerResponse } from 'node:http'
import { RegistryError } from '../../domain/errors.ts'

/** A client that takes nothing for so long is cut off. */
const stalledMs = 120_000

/**
 * Sends pieces one after another. A piece's memory is used again for the next, so each must have
 * left this process before the next is asked for. Throws CLIENT_GONE.
 */
export async function sendPieces(res: ServerResponse, pieces: AsyncIterable<Uint8Array>) {
  for await (const piece of pieces) await sendPiece(res, piece)
}

/** Resolves once the bytes were handed to the operating system. */
export function sendPiece(res: ServerResponse, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => res.destroy(), stalledMs)
    const settle = (failed: boolean) => {
      clearTimeout(timer)
      res.off('close', onClose)
      if (failed) reject(new RegistryError('CLIENT_GONE'))
      else resolve()
    }
    const onClose = () => settle(true)
    if (res.destroyed) {
      settle(true)
      return
    }
    res.once('close', onClose)
    res.write(piece, (error) => settle(error !== undefined && error !== null))
  })
}
