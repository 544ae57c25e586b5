import { expect, test } from 'vitest'
import { createRecent } from './recent.ts'

/** A load that counts, under a clock that stands still until it is moved. */
function counted(maxEntries = 10) {
  const state = { now: 0, loads: 0, value: 'a' as string | undefined }
  const find = createRecent<string, string>({
    maxAgeMs: 1000,
    maxEntries,
    monotonicMs: () => state.now,
    load: async () => {
      state.loads += 1
      if (state.value === 'fail') throw new Error('no database')
      return state.value
    },
  })
  return { state, find }
}

test('what was read is used until it is too old', async () => {
  const { state, find } = counted()
  expect(await find('x')).toBe('a')
  state.value = 'b'
  state.now = 999
  expect(await find('x')).toBe('a')
  state.now = 1000
  expect(await find('x')).toBe('b')
  expect(state.loads).toBe(2)
})

test('callers at the same time share one reading', async () => {
  const { state, find } = counted()
  expect(await Promise.all([find('x'), find('x'), find('x')])).toEqual(['a', 'a', 'a'])
  expect(state.loads).toBe(1)
})

test('what is not there, and a failure, is asked for again', async () => {
  const { state, find } = counted()
  state.value = undefined
  expect(await find('x')).toBeUndefined()
  state.value = 'fail'
  await expect(find('x')).rejects.toThrow('no database')
  state.value = 'a'
  expect(await find('x')).toBe('a')
})

test('it remembers a bounded number, the last used ones', async () => {
  const { state, find } = counted(2)
  for (const key of ['x', 'y', 'x', 'z']) await find(key)
  expect(state.loads).toBe(3)
  await find('x')
  expect(state.loads).toBe(3)
  await find('y')
  expect(state.loads).toBe(4)
})
