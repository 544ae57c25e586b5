import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import type { HealthCheckInfo } from '../../contract/health.ts'
import { clientOf } from '../support/api-call.ts'
import { describeDatabases } from '../support/databases.ts'
import type { TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { examine, faultsOf, startPatient } from './stage.ts'

describeDatabases('the doctor', (databases) => {
  const folder = makeTemporaryFolder('doctor-inside')
  let server: TestServer

  beforeAll(async () => {
    const dataDir = path.join(folder.path, 'data')
    mkdirSync(dataDir)
    server = await startPatient({ dataDir, databaseUrl: await databases.newUrl() })
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
  const check = async (name: string) =>
    (await call(clientOf(server.url, server.admin), api.health.check, { query: { name } })).findings
  const wrong = (findings: readonly HealthCheckInfo[]) =>
    findings.filter(({ status }) => status === 'error' || status === 'warning')

  test('finds the same inside the server as beside it, and no fault where there is none', async () => {
    const names = await call(clientOf(server.url, server.admin), api.health.list)
    expect(names.map(({ name }) => name)).toContain('push')
    await call(clientOf(server.url, server.admin), api.settings.set, {
      query: { name: 'Web.BaseUrl', value: server.url },
    })
    const inside = []
    for (const { name } of names) inside.push(...(await check(name)))
    const hints = /keeps no checksums/
    expect(wrong(inside).filter(({ detail }) => !hints.test(detail))).toEqual([])
    const beside = await examine(server)
    expect(
      faultsOf(beside).filter((fault) => !hints.test(fault) && !/skipped clock/.test(fault)),
    ).toEqual([])
    expect(beside.map(({ name }) => name).toSorted()).toEqual(
      inside.map(({ name }) => name).toSorted(),
    )
  }, 60_000)

  test('asks no address but the one that is configured', async () => {
    const setBaseUrl = (value: string) =>
      call(clientOf(server.url, server.admin), api.settings.set, {
        query: { name: 'Web.BaseUrl', value },
      })
    await setBaseUrl('')
    const headers = { host: 'elsewhere.invalid', authorization: server.admin }
    const answer = await fetch(`${server.url}/api/health/check?name=push`, {
      method: 'POST',
      headers,
    })
    expect(await answer.json()).toMatchObject({
      findings: [{ status: 'skipped', detail: expect.stringMatching(/No base URL is configured/) }],
    })
  })
})
