import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { runCommand } from '../support/command.ts'
import { needs } from '../support/require.ts'
import { startServer, type TestServer } from '../support/server.ts'

const examples = [...readFileSync('docs/api.md', 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(
  ([, script = '']) => script,
)

const curl = needs({ program: 'curl', package: 'curl' })

describe.skipIf(curl.skip)(`the examples of docs/api.md ${curl.reason}`, () => {
  let server: TestServer
  let key: string
  beforeAll(async () => {
    server = await startServer()
    const body = { type: 'system' } as const
    key = (await call(clientOf(server.url, server.admin), api.apiKeys.create, { body })).key ?? ''
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('there are some', () => {
    expect(examples.length).toBeGreaterThan(6)
  })

  test.for(examples)('%s', async (script) => {
    const env = { URL: server.url, KEY: key, LOGIN: `Admin:${server.adminPassword}` }
    const result = await runCommand('sh', ['-ec', script], { env: { ...process.env, ...env } })
    expect(result.output).not.toContain('application/problem+json')
    expect(result.code, result.output).toBe(0)
    expect(result.stdout).toMatch(/[[{]/)
  })
})
