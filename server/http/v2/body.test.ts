import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { bodyOf } from './body.ts'
import { NewExchange } from './exchange.ts'

const pieceBytes = 64 * 1024
const pieces = 256

/** As libuv: so many reads of one connection in a row, if there is always more. */
const readsInARow = 32

/** A request whose whole body has come already: Node never has to wait for more of it. */
class ReadyRequest extends IncomingMessage {
  #given = 0
  #isReading = false

  constructor() {
    super(new Socket())
    this.method = 'PATCH'
  }

  override _read() {
    if (this.#isReading) return
    this.#isReading = true
    setImmediate(() => this.#readInARow(readsInARow))
  }

  #readInARow(reads: number) {
    const wantsMore = this.push(this.#nextPiece())
    if (wantsMore && reads > 1) {
      // What a piece sets off is done before the next one is read.
      queueMicrotask(() => process.nextTick(() => this.#readInARow(reads - 1)))
      return
    }
    this.#isReading = false
    if (wantsMore) this._read()
  }

  #nextPiece(): Buffer | null {
    this.complete = this.#given === pieces
    return this.complete ? null : Buffer.alloc(pieceBytes, this.#given++)
  }
}

function readReady() {
  const req = new ReadyRequest()
  const exchange = new NewExchange({
    req,
    res: new ServerResponse(req),
    caller: { baseUrl: '', service: '', address: '' },
    patience: { bodyIdleMs: 10_000, wholeBodyMs: 10_000, replyStalledMs: 10_000 },
  })
  return bodyOf(exchange, async () => {}).chunks(new AbortController().signal)
}

test('one body takes a small part of a turn of the event loop, however much has come', async () => {
  const eachTurn: number[] = []
  let thisTurn = 0
  const count = () => {
    eachTurn.push(thisTurn)
    thisTurn = 0
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  for await (const chunk of readReady()) thisTurn += chunk.byteLength
  clearImmediate(timer)
  eachTurn.push(thisTurn)
  expect(eachTurn.reduce((sum, bytes) => sum + bytes, 0)).toBe(pieces * pieceBytes)
  // What the bound lets in, and what was read before the pause took hold.
  expect(Math.max(...eachTurn)).toBeLessThanOrEqual(512 * 1024)
})

test('a reader that is slow now and then gets every byte in its order', async () => {
  const first: (number | undefined)[] = []
  for await (const chunk of readReady()) {
    first.push(chunk[0])
    if (first.length % 20 === 0) await sleep(1)
  }
  expect(first).toEqual(Array.from({ length: pieces }, (_, at) => at))
})
