import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { accessPage, findAccessTables, formatAccessTables } from './support/access-table.ts'

test('docs/access.md says what each request needs (npm run docs:access prints it)', () => {
  expect(findAccessTables(readFileSync(accessPage, 'utf8'))).toBe(formatAccessTables())
})
