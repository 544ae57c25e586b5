import { expect, test } from 'vitest'
import { BlobCursor } from './blob-cursor.ts'

const letters = Buffer.from('abcdefgh')

test('what is asked for anew while the source keeps the last one waiting is whole', async () => {
  let release = () => {}
  const isSlow = new Promise<void>((resolve) => {
    release = resolve
  })
  const chunks = async function* (start: number) {
    for (let at = start; at < letters.byteLength; at += 2) {
      if (at === 2) await isSlow
      yield letters.subarray(at, at + 2)
    }
  }
  const blob = { sizeBytes: letters.byteLength, file: null, chunks }
  await using cursor = new BlobCursor(blob, new AbortController().signal)
  const lost = cursor.take(0, 8)
  await lost.next()
  // The connection breaks while this waits; all that was sent has come, and nobody takes the rest.
  const waiting = lost.next()
  const rest = gather(cursor.take(2, 6))
  release()
  expect(await rest).toBe('cdefgh')
  await waiting
})

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all).toString('utf8')
}
