import { expect, test } from 'vitest'
import { formatSize } from './size.tsx'
import { formatRelative } from './time.tsx'

test.for([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [12_345_678, '12.3 MB'],
  [212_000_000, '212 MB'],
  [1_300_000_000, '1.30 GB'],
  [5e18, '5000 PB'],
] as const)('%i bytes are %s', ([bytes, words]) => expect(formatSize(bytes)).toBe(words))

const now = Date.UTC(2026, 0, 31, 12)
test.for([
  [-3, 'just now'],
  [-59, 'just now'],
  [-60, '1 min. ago'],
  [-3599, '59 min. ago'],
  [-3600, '1 hr. ago'],
  [-24 * 3600, '1 day ago'],
  [-6 * 24 * 3600, '6 days ago'],
  [-400 * 24 * 3600, '1 yr. ago'],
  [30, 'in a moment'],
  [7200, 'in 2 hr.'],
] as const)('%i seconds from now are "%s"', ([seconds, words]) =>
  expect(formatRelative(now + seconds * 1000, now)).toBe(words),
)
