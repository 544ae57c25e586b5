import { expect, test } from 'vitest'
import { findNearest, suggest } from './nearest.ts'

test.for([
  ['lisen', 'listen'],
  ['--data-dri', '--data-dir'],
  ['feed creat', 'feed create'],
  ['elephant', undefined],
  ['', undefined],
] as const)('%s probably means %s', ([word, meant]) => {
  expect(findNearest(word, ['listen', '--data-dir', 'feed create', 'serve'])).toBe(meant)
})

test('says so in brackets, or nothing', () => {
  expect(suggest('serv', ['serve'])).toBe(' (did you mean serve?)')
  expect(suggest('x', [])).toBe('')
})
