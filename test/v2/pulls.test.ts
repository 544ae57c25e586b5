import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { descriptor, image, index, platform } from '../support/content.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

const child = image('pulled child')
const list = index([descriptor(child.manifest, undefined, platform('amd64'))])

let server: TestServer
beforeAll(async () => {
  server = await startServer()
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushImage(table, 'main/app', child)
  await pushManifest(table, 'main/app', list, '1')
})
afterAll(() => server[Symbol.asyncDispose]())

const ask = (method: string, reference: string, headers: Record<string, string> = {}) =>
  send(server.url, {
    ...{ method, target: `/v2/main/app/manifests/${reference}` },
    headers: { authorization: server.admin, ...headers },
  })

test('a pull of an image of an index counts once, a look at it not at all', async () => {
  await ask('HEAD', '1')
  await ask('GET', '1', { 'if-none-match': `"${list.digest}"` })
  // As docker pulls: the tag, then the image for the platform.
  await ask('GET', '1')
  await ask('GET', child.manifest.digest)
  // As containerd does: what HEAD said, by digest.
  await ask('GET', list.digest)
  const client = clientOf(server.url, server.admin)
  const query = { feed: 'main', repo: 'app' }
  const found = () => call(client, api.repositories.get, { query })
  for (let tries = 0; (await found()).pulls.total === 0 && tries < 300; tries += 1) await sleep(100)
  const { pulls, daily } = await found()
  expect(pulls).toMatchObject({ total: 2, last30Days: 2, last: expect.any(String) })
  expect(daily.reduce((sum, each) => sum + each, 0)).toBe(2)
  const [tag] = await call(client, api.tags.list, { query })
  expect(tag).toMatchObject({ name: '1', pulls: 2 })
  const [registry] = await call(client, api.registries.list)
  expect(registry).toMatchObject({ name: 'main', pulls: { total: 2 }, public: false })
})
