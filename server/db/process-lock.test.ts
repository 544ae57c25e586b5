import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startDaemon, waitUntilReady } from '../../test/support/daemon.ts'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { lockFolder } from './process-lock.ts'

const holder = fileURLToPath(new URL('../../test/support/hold-lock.ts', import.meta.url))

test('a folder is locked once, and again after the lock is let go', async () => {
  await using folder = makeTemporaryFolder('lock')
  const first = await lockFolder(folder.path, 'serve')
  expect(first?.file).toBe(path.join(folder.path, 'serve.lock'))
  expect(await lockFolder(folder.path, 'serve')).toBeUndefined()
  await using other = await lockFolder(folder.path, 'other')
  expect(other).toBeDefined()
  await first?.[Symbol.asyncDispose]()
  await using again = await lockFolder(folder.path, 'serve')
  expect(again).toBeDefined()
})

test('a folder is locked against other processes, until the one that has it is killed', {
  timeout: 60_000,
}, async () => {
  await using folder = makeTemporaryFolder('lock')
  await using process = await start(folder.path, 'first')
  expect(process.said()).toBe('held\n')
  expect(await lockFolder(folder.path, 'serve')).toBeUndefined()
  await process.end('SIGKILL')
  await using ours = await lockFolder(folder.path, 'serve')
  expect(ours).toBeDefined()
  await using late = await start(folder.path, 'second')
  expect(late.said()).toBe('refused\n')
})

test('a folder that is not there is refused', async () => {
  await using folder = makeTemporaryFolder('lock')
  const missing = lockFolder(path.join(folder.path, 'missing'), 'serve')
  await expect(missing).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

async function start(folder: string, name: string) {
  const logFile = path.join(folder, `${name}.log`)
  const daemon = startDaemon({
    program: process.execPath,
    args: ['--import', 'tsx', holder, folder, 'serve'],
    logFile,
  })
  const said = () => readFileSync(logFile, 'utf8')
  await waitUntilReady(daemon, async () => said().includes('\n'), 20)
  return { ...daemon, said }
}
