import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { expect, test } from 'vitest'
import { contentOf } from '../../test/support/content.ts'
import { openMemoryS3 } from '../../test/support/memory-s3.ts'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { openEncryption } from '../auth/encrypted.ts'
import type { Bucket } from '../blobs/bucket.ts'
import { createCloudMarker } from '../blobs/cloud-marker.ts'
import { openCloudStore } from '../blobs/cloud-store.ts'
import { growingParts } from '../blobs/part-sizes.ts'
import { type Db, openDatabase } from '../db/database.ts'
import { findRepository } from '../db/repositories.ts'
import { parseDigest } from '../domain/digest.ts'
import { parseRepositoryPath } from '../domain/reference.ts'
import { openBlob } from './blobs.ts'
import { createFeed } from './feeds.ts'
import { openPartLedger } from './part-ledger.ts'
import { openSettings } from './settings.ts'
import { openStores } from './stores.ts'
import { Uploads } from './uploads.ts'

const { repository } = parseRepositoryPath('main/app')
const smallBytes = 1000
const partsBytes = 7 * 1024 * 1024

/** A server's process: its own bucket's client, the database of all. */
async function openProcess(db: Db, dataDir: string, open: { bucket: Bucket; id: string }) {
  const { bucket, id } = open
  const ledger = openPartLedger(db, 1)
  const store = openCloudStore({ bucket, prefix: '', partSizes: growingParts, id, ledger })
  const stores = await openStores({
    ...{ db, dataDir, defaultStore: null, secrets: openEncryption(randomBytes(32)) },
    openCloud: () => Promise.reject(new Error('there is none')),
    openDisk: async () => ({ id, store }),
  })
  return { stores, uploads: new Uploads({ db, stores, settings: await openSettings(db) }) }
}

/** What passes waits until it is opened. */
function openGate() {
  let [open, reach] = [() => {}, () => {}]
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const pass = () => {
    reach()
    return opened
  }
  return { reached, pass, open: () => open() }
}

/** Two processes; what the former sends last waits at the gate. */
async function openProcesses(db: Db, dataDir: string) {
  const s3 = openMemoryS3()
  const id = await createCloudMarker(s3, 'entrepot-store.json')
  const gate = openGate()
  const slow: Bucket = {
    ...s3,
    async put(key, bytes) {
      if (key.startsWith('blobs/')) await gate.pass()
      return s3.put(key, bytes)
    },
    async completeParts(...input) {
      await gate.pass()
      return s3.completeParts(...input)
    },
  }
  const former = await openProcess(db, dataDir, { bucket: slow, id })
  const later = await openProcess(db, dataDir, { bucket: s3, id })
  const feed = await createFeed(
    { db, storeId: former.stores.defaultStoreId, by: 'test' },
    { name: 'main' },
  )
  const start = async () => {
    const { id } = await later.uploads.start({ feed, repository, by: 'test' })
    const found = await findRepository(db.read, feed.id, repository)
    return { id, repositoryId: found?.id ?? 0 }
  }
  return { former, later, gate, feed, start }
}

function closing(bytes: Uint8Array) {
  const body = {
    lengthBytes: bytes.length,
    async *chunks() {
      yield bytes
    },
  }
  return [parseDigest(contentOf(bytes).digest), { range: null, body }] as const
}

const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => String(error),
  )

test.for([
  ['a small blob', smallBytes],
  ['a blob in parts', partsBytes],
] as const)(
  'what an overtaken process still sends of %s does not take the place of another',
  async ([, size]) => {
    await using folder = makeTemporaryFolder('two-closings')
    await using db = await openDatabase({ url: `sqlite:${path.join(folder.path, 'test.db')}` })
    const { former, later, gate, feed, start } = await openProcesses(db, folder.path)
    const key = await start()
    const [one, other] = [randomBytes(size), randomBytes(size)]
    const first = outcomeOf(former.uploads.commit(key, ...closing(one)))
    await gate.reached
    // Other bytes of the same length, with their own digest, while those are on their way.
    const second = await outcomeOf(later.uploads.commit(key, ...closing(other)))
    gate.open()
    await first
    expect(second).toMatch(/Another request began to finish this upload as sha256:/)
    for (const bytes of [one, other]) {
      await later.uploads.commit(await start(), ...closing(bytes))
      const target = { feed, repository, digest: parseDigest(contentOf(bytes).digest) }
      await using reader = await openBlob({ db, stores: later.stores, log: silent }, target)
      const pieces: Uint8Array[] = []
      for await (const piece of reader.read(0, reader.sizeBytes - 1)) pieces.push(piece)
      expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
    }
  },
)

test('the same bytes may be finished by another process while they are on their way', async () => {
  await using folder = makeTemporaryFolder('two-closings')
  await using db = await openDatabase({ url: `sqlite:${path.join(folder.path, 'test.db')}` })
  const { former, later, gate, start } = await openProcesses(db, folder.path)
  const key = await start()
  const bytes = randomBytes(smallBytes)
  const first = outcomeOf(former.uploads.commit(key, ...closing(bytes)))
  await gate.reached
  expect(await outcomeOf(later.uploads.commit(key, ...closing(bytes)))).toBe('done')
  gate.open()
  await first
})

const silent = { error: () => {} }
