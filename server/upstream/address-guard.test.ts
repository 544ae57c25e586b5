import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultOfAddress, type Resolve } from './address-guard.ts'
import { openConnections } from './connections.ts'

const linkLocal = [
  ...['::169.254.169.254', '::ffff:0:169.254.169.254', 'fe80::1%lo', '::ffff:a9fe:a9fe'],
  ...['168.63.129.16', '192.0.0.192', '2001:0:a9fe:a9fe::1', '64:ff9b:1::a9fe:a9fe'],
  ...['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe'],
  ...[
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'fd00:ec2::254',
  ],
]
const privately = [
  ...['127.0.0.1', '::1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '100.64.0.1', 'fd12::1'],
  ...['::127.0.0.1', '::ffff:0:10.0.0.1', '64:ff9b:1::7f00:1'],
  ...['::ffff:10.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'],
]
const everywhere = [
  '1.1.1.1',
  '172.32.0.1',
  '2606:4700::1111',
  '64:ff9b::101:101',
  '::ffff:1.1.1.1',
]

describe('addresses', () => {
  test.each(linkLocal)('%s is never called', (address) => {
    expect(faultOfAddress(address, { allowPrivate: true })).toContain('never called')
  })

  test.each(privately)('%s is called only where the connector allows it', (address) => {
    expect(faultOfAddress(address, { allowPrivate: false })).toContain('allowPrivate')
    expect(faultOfAddress(address, { allowPrivate: true })).toBeUndefined()
  })

  test.each(everywhere)('%s is called', (address) => {
    expect(faultOfAddress(address, { allowPrivate: false })).toBeUndefined()
  })
})

describe('a server on a private address', () => {
  let asked = 0
  const server = http.createServer((_req, res) => {
    asked += 1
    res.setHeader('connection', 'close').end('here')
  })
  let port = 0
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => void server.close())

  const send = async (host: string, allowPrivate: boolean, resolve?: Resolve) => {
    using connections = openConnections({
      ...{ allowPrivate, timeoutMs: 2000, caCertificate: null },
      ...(resolve && { resolve }),
    })
    const url = new URL(`http://${host}:${port}/`)
    const answer = await connections.send({ method: 'GET', url, headers: {} })
    answer.resume()
    return answer.statusCode
  }

  test.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1'])(
    'is not connected to as %s',
    async (host) => {
      const before = asked
      await expect(send(host, false)).rejects.toMatchObject({
        ...{ fault: 'unavailable', step: 'address' },
        message: expect.stringContaining('allowPrivate'),
      })
      expect(asked).toBe(before)
    },
  )

  test('is connected to where that is allowed', async () => {
    expect(await send('127.0.0.1', true)).toBe(200)
    expect(await send('localhost', true)).toBe(200)
  })

  test('is not connected to when the name leads there only the second time', async () => {
    const answers = ['127.0.0.1', '169.254.169.254']
    const resolve: Resolve = (_name, _options, callback) => {
      callback(null, [{ address: answers.shift() ?? '169.254.169.254', family: 4 }])
    }
    using connections = openConnections({
      ...{ allowPrivate: true, timeoutMs: 2000, caCertificate: null, resolve },
    })
    const url = new URL(`http://registry.test:${port}/`)
    const first = await connections.send({ method: 'GET', url, headers: {} })
    for await (const _ of first);
    const before = asked
    await expect(connections.send({ method: 'GET', url, headers: {} })).rejects.toMatchObject({
      ...{ step: 'address', message: expect.stringContaining('never called') },
    })
    expect(asked).toBe(before)
  })
})
