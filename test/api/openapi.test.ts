import { createConfig, lintFromString } from '@redocly/openapi-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import type { Route } from '../../contract/route.ts'
import { askApi } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

test('Redocly finds nothing wrong with the OpenAPI document', async () => {
  const { body } = await askApi(server.url, { target: '/api/openapi.json' })
  const config = await createConfig({ extends: ['recommended'] })
  const source = JSON.stringify(body)
  const problems = await lintFromString({ source, config, absoluteRef: '/openapi.json' })
  expect(
    problems.map(({ ruleId, message, severity }) => `${severity} ${ruleId}: ${message}`),
  ).toEqual([])
})

test('the linter would find what is wrong', async () => {
  const config = await createConfig({ extends: ['recommended'] })
  const source = JSON.stringify({ openapi: '3.1.0', info: {}, paths: { '/a': { get: {} } } })
  const problems = await lintFromString({ source, config, absoluteRef: '/openapi.json' })
  expect(problems.map(({ ruleId }) => ruleId)).toContain('struct')
})

test('the reference page names every route and needs no script', async () => {
  const { status, headers, body } = await send(server.url, { method: 'GET', target: '/api/docs' })
  expect(status).toBe(200)
  expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/)
  const html = body.toString('utf8')
  expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/)
  const paths = Object.values(api).flatMap((table) =>
    Object.values(table as Readonly<Record<string, Route>>).map(({ path }) => path),
  )
  const missing = paths.filter(
    (path) => !html.includes(`<code>${path.replace(/:(\w+)/g, '{$1}')}</code>`),
  )
  expect(missing).toEqual([])
})
