import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

test('every kind of attack has rows in docs/attempts.md, and every row its tests', () => {
  const page = readFileSync('docs/attempts.md', 'utf8')
  const named = [...page.matchAll(/^\|.*\| ([\w-]+\.test\.ts) \|$/gm)].map(([, file]) => file)
  const rows = page.split('\n').filter((line) => line.startsWith('| ')).length - 1
  expect(named).toHaveLength(rows)
  const here = path.basename(import.meta.filename)
  const files = readdirSync('test/attempts').filter((file) => file !== here)
  expect([...new Set(named)].sort()).toEqual(files.sort())
})
