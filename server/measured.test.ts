import { expect, test } from 'vitest'
import type { BlobStore, UploadWriter } from './blobs/blob-store.ts'
import type { Db } from './db/database.ts'
import { measureDb, measureStore } from './measured.ts'
import { openMetrics } from './metrics.ts'

const writer: UploadWriter = {
  offsetBytes: 7,
  writtenBytes: 6,
  write: async () => {},
  sync: async () => 7,
  syncBytes: async () => 6,
  [Symbol.asyncDispose]: async () => {},
}

/** The calls that a wrapper has to pass on: everything else fails. */
function storeOf(calls: Partial<BlobStore>): BlobStore {
  return calls as BlobStore
}

test('times the operations of a store and passes on what they give', async () => {
  using metrics = openMetrics()
  const store = measureStore(
    storeOf({
      openUpload: async (_, offset) => (offset === 7 ? writer : undefined),
      finish: async () => {
        throw new Error('disk')
      },
    }),
    { metrics, traces: null },
  )
  expect(await store.openUpload('a', 8)).toBeUndefined()
  const measured = await store.openUpload('a', 7)
  expect(measured?.offsetBytes).toBe(7)
  expect(await measured?.sync()).toBe(7)
  expect(await measured?.syncBytes()).toBe(6)
  await expect(store.finish('a')).rejects.toThrow('disk')
  const text = await metrics.text()
  expect(text).toContain('entrepot_store_seconds_count{operation="openUpload"} 2')
  expect(text).toContain('entrepot_store_seconds_count{operation="sync"} 2')
  expect(text).toContain('entrepot_store_seconds_count{operation="finish"} 1')
})

test('times the writes of a database by name', async () => {
  using metrics = openMetrics()
  const calls = { write: async () => 42 } as Partial<Db> as Db
  async function pushManifest() {
    return 42
  }
  expect(
    await measureDb(calls, { metrics, traces: null }).write(pushManifest, undefined as never),
  ).toBe(42)
  expect(await metrics.text()).toContain(
    'entrepot_database_seconds_count{kind="write",name="pushManifest"} 1',
  )
})
