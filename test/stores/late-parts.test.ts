import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { createCloudMarker } from '../../server/blobs/cloud-marker.ts'
import { openCloudStore } from '../../server/blobs/cloud-store.ts'
import { openMemoryLedger } from '../../server/blobs/memory-ledger.ts'
import { growingParts } from '../../server/blobs/part-sizes.ts'
import { clouds } from '../support/cloud-stores.ts'

vi.setConfig({ testTimeout: 600_000 })

const mebibyte = 1024 * 1024
const tried = clouds.filter(({ name }) => name !== 'Swift')

describe.each(tried)('on $name', ({ missing, start }) => {
  test.skipIf(missing !== '').each([
    ['small', 1000],
    ['empty', 0],
  ])(
    `a part of an earlier writer that comes late takes nothing from a blob: %s ${missing}`,
    async (_name, sizeBytes) => {
      await using cloud = await start()
      const place = await cloud.newPlace()
      await using bucket = place.openBucket()
      const id = await createCloudMarker(bucket, 'entrepot-store.json')
      const ledger = openMemoryLedger()
      const options = { bucket: place.openBucket(), prefix: '', partSizes: growingParts, id }
      await using store = openCloudStore({ ...options, ledger })
      const location = randomUUID()
      const key = `blobs/${location}`
      await store.startUpload(location)
      const former = await store.openUpload(location, 0)
      await former?.write(randomBytes(6 * mebibyte))
      await former?.[Symbol.asyncDispose]()
      const multipartId = await bucket.beginParts(key)
      const content = randomBytes(sizeBytes)
      const writer = await store.openUpload(location, 0)
      await writer?.write(content)
      await writer?.syncBytes()
      const late = { key, multipartId, number: 5000, bytes: randomBytes(mebibyte) }
      await bucket.putPart({ ...late, signal: new AbortController().signal })
      await writer?.[Symbol.asyncDispose]()
      expect(await store.finish(location)).toEqual({ sizeBytes })
      await using reader = await store.open(location)
      const found: Uint8Array[] = []
      for await (const piece of reader?.read(0, sizeBytes - 1) ?? []) found.push(piece)
      expect(reader?.sizeBytes).toBe(sizeBytes)
      expect(Buffer.concat(found).equals(content)).toBe(true)
    },
  )
})
