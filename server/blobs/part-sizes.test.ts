import { expect, test } from 'vitest'
import { growingParts } from './part-sizes.ts'

const mebibyte = 2 ** 20
const mostParts = 10_000
const largestObjectBytes = 5 * 2 ** 40

test('the largest object that S3 takes fits into the parts that it takes', () => {
  const sizes = Array.from({ length: mostParts }, (_, index) => growingParts(index))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(largestObjectBytes)
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b))
  expect(sizes.at(-1)).toBe(1024 * mebibyte)
})

test('a layer of 12 GiB goes in parts of 5 MiB, however long it takes', () => {
  expect(growingParts((12 * 1024) / 5)).toBe(5 * mebibyte)
})
