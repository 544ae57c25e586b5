import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { Folder } from './folder.ts'

test('shares an fsync that has not begun, and never one that has', async () => {
  const folder = new Folder(newFolder())
  const first = folder.sync()
  expect(folder.sync()).toBe(first)
  // A few microtasks later it is under way, but the disk cannot have answered yet.
  await Promise.resolve().then(() => undefined)
  const second = folder.sync()
  expect(second).not.toBe(first)
  expect(folder.sync()).toBe(second)
  await Promise.all([first, second])
  expect(folder.sync()).not.toBe(second)
})

test('a failure reaches those who waited for it, and the next one tries again', async () => {
  const missing = new Folder(`${newFolder()}/missing`)
  const first = expect(missing.sync()).rejects.toMatchObject({ code: 'ENOENT' })
  await sleep(0)
  await expect(missing.sync()).rejects.toMatchObject({ code: 'ENOENT' })
  await first
})

function newFolder(): string {
  const folder = makeTemporaryFolder('folder')
  onTestFinished(() => folder[Symbol.asyncDispose]())
  return folder.path
}
