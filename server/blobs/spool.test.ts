import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { Spool } from './spool.ts'

const folder = makeTemporaryFolder('spool')
afterAll(() => folder[Symbol.asyncDispose]())

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

test('gives back what was appended, while more comes', async () => {
  await using spool = await Spool.open(folder.path)
  const content = randomBytes(700_000)
  await spool.append(content.subarray(0, 300_000))
  expect(await collect(spool.read(0, 299_999))).toEqual(content.subarray(0, 300_000))
  await spool.append(content.subarray(300_000))
  expect(spool.writtenBytes).toBe(content.byteLength)
  expect(await collect(spool.read(299_999, 300_000))).toEqual(content.subarray(299_999, 300_001))
  expect((await collect(spool.read(0, 699_999))).equals(content)).toBe(true)
})

test('leaves no file, whatever becomes of the process', async () => {
  await using spool = await Spool.open(folder.path)
  await spool.append(randomBytes(1000))
  expect(readdirSync(folder.path)).toEqual([])
})
