import type { ServerResponse } from 'node:http'
import { RegistryError } from '../../domain/errors.ts'
import type { Exchange, Patience } from './exchange.ts'

/**
 * Sends pieces one after another. A piece's memory is used again for the next, so each must have
 * left this process before the next is asked for. Throws CLIENT_GONE.
 */
export async function sendPieces(exchange: Exchange, pieces: AsyncIterable<Uint8Array>) {
  giveUpWhenStalled(exchange.res, exchange.patience)
  for await (const piece of pieces) await sendPiece(exchange.res, piece)
}

/** Resolves once the bytes were handed to the operating system. */
export function sendPiece(res: ServerResponse, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (failed: boolean) => {
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

/**
 * From now on a client that takes nothing of the reply is cut off; one that is only slow is not,
 * since every byte that leaves counts. It ends with the reply, which most have left by now whole.
 */
export function giveUpWhenStalled(res: ServerResponse, { replyStalledMs }: Patience) {
  const hasLeft = res.writableEnded && res.socket !== null && res.writableLength === 0
  if (!hasLeft && !res.writableFinished) res.setTimeout(replyStalledMs)
}
