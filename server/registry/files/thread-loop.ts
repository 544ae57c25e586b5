import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { ArchiveError } from '../../domain/archive/limits.ts'
import {
  type JobKind,
  maxPiecesAhead,
  type Order,
  type Report,
  sentPieces,
  takenPieces,
} from './thread-messages.ts'
import { type Bench, work } from './thread-work.ts'

/** Does one job after another, as it is told. */
export function serveJobs(port: MessagePort): void {
  port.on('message', (order: Order) => {
    void doJob(port, order)
  })
}

async function doJob<K extends JobKind>(port: MessagePort, order: Order<K>): Promise<void> {
  const { kind, input, limits } = order
  const report = (message: Report) => port.postMessage(message)
  const bench: Bench = {
    limits,
    stored: storedPieces(order, report),
    send: createSend(order, port),
  }
  try {
    report({ kind: 'done', output: await work[kind](input, bench) })
  } catch (error) {
    report(failureOf(error))
  } finally {
    order.pieces.close()
  }
}

function failureOf(error: unknown): Report {
  if (error instanceof ArchiveError) return { kind: 'unreadable', message: error.message }
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  return { kind: 'failed', message, stack }
}

/** Asks for some more than is used; waits for each, which blocks this thread and nobody else. */
function* storedPieces(
  { pieces, counters }: Order,
  report: (message: Report) => void,
): Generator<Uint8Array> {
  for (let ahead = 0; ahead < maxPiecesAhead; ahead += 1) report({ kind: 'more' })
  for (;;) {
    const piece = nextPiece(pieces, counters)
    if (piece === null) return
    yield piece
    report({ kind: 'more' })
  }
}

function nextPiece(pieces: MessagePort, counters: Int32Array): Uint8Array | null {
  for (;;) {
    const seen = Atomics.load(counters, sentPieces)
    const received = receiveMessageOnPort(pieces)
    if (received !== undefined) return received.message as Uint8Array | null
    Atomics.wait(counters, sentPieces, seen)
  }
}

function createSend({ counters }: Order, port: MessagePort): Bench['send'] {
  let sent = 0
  return (bytes) => {
    const piece = new Uint8Array(bytes)
    port.postMessage({ kind: 'piece', piece } satisfies Report, [piece.buffer])
    sent += 1
    for (;;) {
      const taken = Atomics.load(counters, takenPieces)
      if (sent - taken < maxPiecesAhead) return
      Atomics.wait(counters, takenPieces, taken)
    }
  }
}
