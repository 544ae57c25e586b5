import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { connect, puller } from './stage.ts'

describe('connectors are set', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer()
  }, 60_000)
  afterAll(() => server?.[Symbol.asyncDispose]())

  const client = () => clientOf(server.url, server.admin)
  const feedNames = async () => (await call(client(), api.feeds.list, {})).map(({ name }) => name)

  test('a registry is created with its connectors and settings, or not at all', async () => {
    await call(client(), api.feeds.create, { body: { name: 'first', mirrorOf: 'docker.io' } })
    const wrong = [
      { name: 'half', connectors: ['nowhere'] },
      { name: 'half', mirrorOf: 'docker.io' },
    ]
    const statuses = []
    for (const body of wrong) {
      const problem = await problemOf(call(client(), api.feeds.create, { body }))
      statuses.push((problem as { status: number }).status)
    }
    expect(statuses).toEqual([422, 409])
    expect(await feedNames()).not.toContain('half')
  })

  test('and changed as a whole, or not at all', async () => {
    await call(client(), api.connectors.create, { body: { name: 'one', url: 'https://a.test' } })
    await call(client(), api.feeds.create, { body: { name: 'whole' } })
    const params = { name: 'whole' }
    const body = { connectors: ['one'], mirrorOf: 'docker.io' }
    expect(await problemOf(call(client(), api.feeds.update, { params, body }))).toMatchObject({
      status: 409,
    })
    const { connectors } = await call(client(), api.feeds.get, { params })
    expect(connectors).toEqual([])
  })

  test('one to a registry of this server says so when that is switched off', async () => {
    await server.createFeed('asleep')
    await call(client(), api.connectors.create, { body: { name: 'to-asleep', feed: 'asleep' } })
    const trial = () => call(client(), api.connectors.test, { body: { connector: 'to-asleep' } })
    expect(await trial()).toMatchObject({ ok: true, step: null })
    await server.setFeed('asleep', { active: false })
    expect(await trial()).toMatchObject({
      ...{ ok: false, step: 'answer', message: expect.stringContaining('asleep') },
    })
  })

  test('what holds for other servers only is refused for a registry of this one', async () => {
    const body = { name: 'filtering', feed: 'main', filters: ['!secret/*'] }
    expect(await problemOf(call(client(), api.connectors.create, { body }))).toMatchObject({
      ...{ status: 422, errors: [expect.objectContaining({ field: 'filters' })] },
    })
  })

  test('a changed one keeps no connection of the former', async () => {
    const sockets = new Set<unknown>()
    const upstream = http.createServer((_req, res) => {
      res.writeHead(404, { 'content-type': 'application/json' }).end('{}')
    })
    upstream.keepAliveTimeout = 60_000
    upstream.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const { port } = upstream.address() as AddressInfo
    await server.createFeed('moving')
    await connect(server, 'moving', { name: 'moving', url: `http://127.0.0.1:${port}` })
    expect((await puller(server)('GET', '/v2/moving/app/manifests/1')).status).toBe(404)
    expect(sockets.size).toBe(1)
    const params = { name: 'moving' }
    await call(client(), api.connectors.update, { params, body: { timeout: 9 } })
    await expect.poll(() => sockets.size).toBe(0)
    upstream.close()
  })
})
