import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PartMemory } from './part-memory.ts'

test('a large part that waits is not passed by small ones for ever', async () => {
  const memory = new PartMemory(10)
  const gone: string[] = []
  const take = (name: string, bytes: number) =>
    memory.take(bytes).then(() => {
      gone.push(name)
    })
  await take('first', 8)
  const large = take('large', 9)
  const small = take('small', 2)
  await nextTurn()
  expect(gone).toEqual(['first'])
  memory.give(8)
  await large
  memory.give(9)
  await small
  expect(gone).toEqual(['first', 'large', 'small'])
})

test('a part that is larger than all of it goes alone', async () => {
  const memory = new PartMemory(10)
  await memory.take(1)
  const large = memory.take(100)
  memory.give(1)
  await large
  const next = memory.take(1)
  memory.give(100)
  await next
})
