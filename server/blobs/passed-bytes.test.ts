import { expect, test } from 'vitest'
import { PassedBytes } from './passed-bytes.ts'

const mebibyte = 2 ** 20

test('the collector is asked once for every 16 MiB', async () => {
  let asked = 0
  const passed = new PassedBytes(() => {
    asked += 1
  })
  for (let piece = 0; piece < 100; piece += 1) passed.add(mebibyte)
  expect(asked).toBe(6)
  const pieces = async function* () {
    for (let piece = 0; piece < 40; piece += 1) yield Buffer.alloc(mebibyte)
  }
  let bytes = 0
  for await (const piece of passed.through(pieces())) bytes += piece.length
  expect([bytes, asked]).toEqual([40 * mebibyte, 8])
})

test('the collector that is asked by default can be', () => {
  const passed = new PassedBytes()
  for (let piece = 0; piece < 100; piece += 1) passed.add(mebibyte)
})
