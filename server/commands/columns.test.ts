import { expect, test } from 'vitest'
import { formatColumns } from './columns.ts'

test('aligns columns under their headings', () => {
  const text = formatColumns(
    ['NAME', 'N'],
    [
      ['a', 1],
      ['längerer', 20],
      [null, 3],
    ],
  )
  expect(text).toBe('NAME      N\na         1\nlängerer  20\n          3')
})

test('takes out what a terminal would obey', () => {
  expect(formatColumns(['A'], [['x\u001b[2J\n\u202ey']])).toBe('A\nx?[2J??y')
})
