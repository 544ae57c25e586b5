import { expect, test } from 'vitest'
import { GrowingBuffer } from './growing-buffer.ts'
import { PartBuffers } from './part-buffers.ts'

const mebibyte = 2 ** 20
const partBytes = 8 * mebibyte

function fill(buffer: GrowingBuffer, byte: number) {
  const chunk = Buffer.alloc(mebibyte + 1, byte)
  while (buffer.lengthBytes < partBytes) buffer.add(chunk, partBytes)
  return buffer.take()
}

test('what was sent makes room for the next part, what was dropped does not', () => {
  const buffer = new GrowingBuffer(new PartBuffers())
  const first = fill(buffer, 1)
  const second = fill(buffer, 2)
  expect(first.bytes.buffer).not.toBe(second.bytes.buffer)
  first.sent()
  const third = fill(buffer, 3)
  expect(third.bytes.buffer).toBe(first.bytes.buffer)
  expect(third.bytes.equals(Buffer.alloc(partBytes, 3))).toBe(true)
  expect(second.bytes.equals(Buffer.alloc(partBytes, 2))).toBe(true)
  third.dropped()
  expect(fill(buffer, 4).bytes.buffer).not.toBe(third.bytes.buffer)
})

test('nothing is kept once nobody has a buffer', () => {
  const buffer = new GrowingBuffer(new PartBuffers())
  const only = fill(buffer, 1)
  only.sent()
  expect(fill(buffer, 2).bytes.buffer).not.toBe(only.bytes.buffer)
})

test('a few bytes take little memory, and grow into a part', () => {
  const buffer = new GrowingBuffer(new PartBuffers())
  buffer.add(Buffer.from('few'), partBytes)
  expect(buffer.view().buffer.byteLength).toBe(64 * 1024)
  expect(buffer.add(Buffer.alloc(partBytes, 7), partBytes)).toBe(partBytes - 3)
  expect(buffer.view().subarray(0, 4).toString('latin1')).toBe('few\u0007')
  expect(buffer.lengthBytes).toBe(partBytes)
})

test('more than one size: the smaller buffers are forgotten', () => {
  const buffers = new PartBuffers()
  const small = buffers.take(8)
  const large = buffers.take(16)
  buffers.give(small)
  expect(buffers.take(16)).not.toBe(large)
  expect(buffers.take(8)).not.toBe(small)
})
