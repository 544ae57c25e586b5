import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { type Cloud, type CloudPlace, clouds } from '../support/cloud-stores.ts'
import { image } from '../support/content.ts'
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts'
import { pushImage } from '../support/push.ts'
import type { TestServer } from '../support/server.ts'
import { examine, faultsOf, startPatient } from './stage.ts'

const kind = clouds.find(({ name }) => name === 'RGW')
const missing = kind?.missing ?? 'no such cloud'

describe.skipIf(missing !== '')(
  `the doctor and a bucket${missing && ` (skipped: ${missing})`}`,
  () => {
    let cloud: Cloud
    let relay: FaultProxy
    let place: CloudPlace
    let server: TestServer

    beforeAll(async () => {
      if (kind === undefined) return
      cloud = await kind.start()
      // A signature covers the host, so the gateway must see the one that was signed.
      relay = await openFaultProxy(cloud.service.url, undefined, { keepsHost: true })
      place = await cloud.newPlace(relay.url)
      server = await startPatient()
      await setPlace({})
      await pushImage(
        { url: server.url, callers: { admin: server.admin } },
        'main/app',
        image('a'),
        ['1'],
      )
    }, 120_000)
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]()
      await relay?.[Symbol.asyncDispose]()
      await cloud?.[Symbol.asyncDispose]()
    })

    const setPlace = (changes: Readonly<Record<string, string>>) =>
      call(clientOf(server.url, server.admin), api.storage.set, {
        query: { feed: 'main' },
        body: { id: 's3', properties: { ...place.properties, ...changes } },
      })
    const look = async () => faultsOf(await examine(server, { only: ['stores', 'blobs'] }))

    test('that works has no fault', async () => {
      expect(await look()).toEqual([])
    })

    test('with a wrong secret: the key is named, and what to do', async () => {
      await setPlace({ SecretAccessKey: 'WRONG' })
      const [fault] = await look()
      expect(fault).toMatch(
        /^error store s3 http.*: It cannot be used: .*refuses the credentials.*403.*\(main\)/,
      )
      expect(fault).toMatch(/The key is wrong|The secret of the key is wrong/)
    })

    test('with an unknown key: the key is named, and what to do', async () => {
      await setPlace({ AccessKey: 'NOBODY' })
      const [fault] = await look()
      expect(fault).toMatch(/^error store s3 .*403.*(The key is wrong|does not know the key)/)
      await setPlace({})
      expect(await look()).toEqual([])
    })

    test('whose clock is an hour off is named', async () => {
      relay.setDate(() => new Date(Date.now() + 3_600_000))
      const faults = faultsOf(await examine(server, { only: ['clock'] }))
      relay.setDate(null)
      expect(faults.join()).toMatch(
        /error clock of http:\/\/127.*It is 60 minutes ahead of this server/,
      )
    })

    test('with credentials that another secret key encrypted', async () => {
      const other = 'x'.repeat(40)
      const faults = faultsOf(
        await examine({ config: { ...server.config, secretKey: other } }, { only: ['stores'] }),
      )
      expect(faults[0]).toMatch(/^error store s3 .*credentials cannot be read.*put secret\.key/)
    })

    test('that cannot be reached: the address is named, and what to do', async () => {
      await relay[Symbol.asyncDispose]()
      const [fault] = await look()
      expect(fault).toMatch(
        /^error store s3 .*: It cannot be reached: http:\/\/127\.0\.0\.1:\d+ does not answer: nothing listens there \(main\) → .*CustomServiceUrl/,
      )
    })
  },
  120_000,
)
