import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../test/support/server.ts'
import { runCommandLine } from './command-line.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

async function health(...args: readonly string[]) {
  const said = { stdout: '', stderr: '' }
  const code = await runCommandLine(['health', ...args], {
    print: (text) => {
      said.stdout += `${text}\n`
    },
    note: (text) => {
      said.stderr += `${text}\n`
    },
    readInput: async () => '',
  })
  return { code, ...said }
}

test('a healthy server is OK, also when it listens everywhere', async () => {
  const { port } = new URL(server.url)
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    expect(await health('--listen', `${host}:${port}`)).toEqual({
      ...{ code: 0, stdout: 'OK\n', stderr: '' },
    })
  }
})

test('one that is not there, or not well, or has no port of its own, is told', async () => {
  expect(await health('--listen', '127.0.0.1:1')).toMatchObject({
    ...{
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('http://127.0.0.1:1/health does not answer'),
    },
  })
  const ill = createServer((_request, response) => response.writeHead(500).end('storage: no room'))
  await new Promise<void>((resolve) => ill.listen(0, '127.0.0.1', resolve))
  const { port } = ill.address() as { port: number }
  expect(await health('--listen', `127.0.0.1:${port}`)).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining('answers 500: storage: no room') },
  })
  ill.close()
  expect(await health('--listen', '127.0.0.1:0')).toMatchObject({ code: 1 })
  expect(await health('--timeout', 'soon')).toMatchObject({ code: 2 })
})
