import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { image as imageOf } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer({ trustProxy: ['loopback'] })
})
afterAll(() => server[Symbol.asyncDispose]())

test('every push and delete is in the audit, with who, from where and what', async () => {
  await server.createFeed('audited', { tagDeletion: true })
  const image = imageOf('audited')
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushImage(table, 'audited/app', image, ['one', 'two'])
  const { id, authorization } = await server.createKey(null)
  const headers = { authorization, 'x-forwarded-for': '198.51.100.7' }
  const [blob] = image.blobs
  const targets = ['manifests/one', `manifests/${image.manifest.digest}`, `blobs/${blob?.digest}`]
  for (const target of targets) {
    const answer = await send(server.url, {
      method: 'DELETE',
      target: `/v2/audited/app/${target}`,
      headers,
    })
    expect(answer.status).toBe(202)
  }
  const client = clientOf(server.url, server.admin)
  const events = await call(client, api.audit.list, { query: { feed: 'audited' } })
  expect(events.filter(({ kind }) => kind.endsWith('.deleted'))).toMatchObject([
    { kind: 'blob.deleted', detail: { digest: blob?.digest } },
    { kind: 'manifest.deleted', detail: { digest: image.manifest.digest, tags: ['two'] } },
    { kind: 'tag.deleted', detail: { tag: 'one' } },
  ])
  for (const { kind, by, address, repository } of events) {
    if (!/^(?:blob|manifest|tag)\./.test(kind)) continue
    expect(repository).toBe('app')
    const pushed = kind === 'manifest.pushed'
    expect({ by, address }).toEqual(
      pushed
        ? { by: 'Admin', address: '127.0.0.1' }
        : { by: `API key ${id}`, address: '198.51.100.7' },
    )
  }
  expect(events.filter(({ kind }) => kind === 'manifest.pushed')).toHaveLength(2)
})
