import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { expect, test } from 'vitest'
import { blob } from '../../test/support/content.ts'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { openEncryption } from '../auth/encrypted.ts'
import { openFileStore } from '../blobs/file-store.ts'
import { openDatabase } from '../db/database.ts'
import { ensureStore, setFeedStore } from '../db/stores.ts'
import { parseDigest } from '../domain/digest.ts'
import { parseRepositoryPath } from '../domain/reference.ts'
import { deleteBlob, findStoredSize } from './blobs.ts'
import { moveFeed } from './feed-move.ts'
import { createFeed, findFeed } from './feeds.ts'
import { openSettings } from './settings.ts'
import { openStores } from './stores.ts'
import { Uploads } from './uploads.ts'

test('a blob that is deleted while it is moved does not come back', async () => {
  await using folder = makeTemporaryFolder('feed-move')
  await using db = await openDatabase({ url: `sqlite:${path.join(folder.path, 'test.db')}` })
  const settings = JSON.stringify({ path: 'other' })
  const { id: storeId } = await db.write(ensureStore, { type: 'disk', settings })
  let onRead = async (_location: string) => {}
  await using stores = await openStores({
    ...{ db, dataDir: folder.path, defaultStore: null, secrets: openEncryption(randomBytes(32)) },
    openCloud: () => Promise.reject(new Error('there is none')),
    openDisk: async (root) => {
      const store = await openFileStore({ root, reserveBytes: 0 })
      const open = store.open.bind(store)
      store.open = async (location) => {
        await onRead(location)
        return open(location)
      }
      return { id: store.id, store }
    },
  })
  await using uploads = new Uploads({ db, stores, settings: await openSettings(db) })
  const by = 'test'
  const feed = await createFeed({ db, storeId: stores.defaultStoreId, by }, { name: 'main' })
  const gone = blob('deleted while it is moved', 5000)
  const stays = blob('stays', 6000)
  const at = (name: string) => parseRepositoryPath(`main/${name}`).repository
  for (const { digest, bytes } of [gone, stays]) {
    const body = {
      lengthBytes: bytes.length,
      async *chunks() {
        yield bytes
      },
    }
    await uploads.pushWhole({ feed, repository: at('app'), by }, parseDigest(digest), body)
  }
  await db.write(setFeedStore, { feedId: feed.id, storeId, by: { name: by, address: null } })
  const target = { feed, repository: at('app'), digest: parseDigest(gone.digest) }
  const { location: goneFrom } = await db.read
    .selectFrom('blobs')
    .select('location')
    .where('digest', '=', gone.digest)
    .executeTakeFirstOrThrow()
  onRead = async (location) => {
    if (location === goneFrom) await deleteBlob({ db }, { ...target, by })
  }
  const faults: unknown[] = []
  const report = {
    signal: new AbortController().signal,
    info: () => undefined,
    fault: (message: string, error: unknown) => faults.push(`${message}: ${error}`),
    count: () => undefined,
    progress: () => undefined,
  }
  const findNow = () => findFeed(db, 'main')
  await moveFeed({ db, stores, uploads, report, findFeed: findNow })
  expect(faults).toEqual([])
  expect(await findStoredSize({ db }, target)).toBeUndefined()
  const kept = { ...target, digest: parseDigest(stays.digest) }
  expect(await findStoredSize({ db }, kept)).toMatchObject({ storeId, sizeBytes: 6000 })
}, 60_000)
