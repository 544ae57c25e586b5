import { expect, test } from 'vitest'
import { changeOfBaseUrl } from './base-url-change.ts'

const here = 'http://localhost:8624'
const other = 'https://r.example'

test.for([
  // Before, after, what it means.
  ['', other, { address: other, endsSession: true }],
  ['', 'http://r.example', { address: 'http://r.example', endsSession: false }],
  ['', ' HTTPS://R.example:443/ ', { address: other, endsSession: true }],
  [here, `${here}:1`, undefined],
  [other, '', { address: here, endsSession: true }],
  ['http://r.example', '', undefined],
  ['http://r.example', here, undefined],
  ['', here, undefined],
  [other, `${other}/`, undefined],
  ['', 'r.example', undefined],
  ['', 'ftp://r.example', undefined],
] as const)('from "%s" to "%s"', ([before, after, expected]) => {
  expect(changeOfBaseUrl(before, after, here)).toEqual(expected)
})
