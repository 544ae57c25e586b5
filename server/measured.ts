import type { BlobStore, UploadWriter } from './blobs/blob-store.ts'
import type { Db } from './db/database.ts'
import type { Metrics } from './metrics.ts'

/** The same database, its writes and checks timed. Prepared reads run as they are: they are short. */
export function measureDb(db: Db, metrics: Metrics): Db {
  const observe = (kind: 'read' | 'write', name: string) => (seconds: number) =>
    metrics.observeDatabase(kind, name, seconds)
  return {
    dialect: db.dialect,
    read: db.read,
    write: (write, input) => timed(observe('write', write.name), () => db.write(write, input)),
    copyTo: (file) => timed(observe('read', 'copyTo'), () => db.copyTo(file)),
    check: () => timed(observe('read', 'check'), () => db.check()),
    examine: (order) => timed(observe('read', 'examine'), () => db.examine(order)),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

/** The same store, its operations timed; not the pieces of a stream, which wait for the client. */
export function measureStore(store: BlobStore, metrics: Metrics): BlobStore {
  const measure = <T>(operation: string, run: () => Promise<T>) =>
    timed((seconds) => metrics.observeStore(operation, seconds), run)
  const openStaged = store.openStaged?.bind(store)
  return {
    startUpload: (location) => measure('startUpload', () => store.startUpload(location)),
    openUpload: async (location, offsetBytes) => {
      const writer = await measure('openUpload', () => store.openUpload(location, offsetBytes))
      return writer && measureWriter(writer, (run) => measure('sync', run))
    },
    readStaged: (location, lengthBytes) => store.readStaged(location, lengthBytes),
    ...(openStaged && {
      openStaged: (location) => measure('openStaged', () => openStaged(location)),
    }),
    finish: (location) => measure('finish', () => store.finish(location)),
    abort: (location) => measure('abort', () => store.abort(location)),
    open: (location, content) => measure('open', () => store.open(location, content)),
    remove: (locations) => measure('remove', () => store.remove(locations)),
    list: (after, count) => measure('list', () => store.list(after, count)),
    sweep: async (signal) => (await store.sweep?.(signal)) ?? 0,
    presign: async (location, seconds) => (await store.presign?.(location, seconds)) ?? null,
    check: () => measure('check', () => store.check()),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

function measureWriter(
  writer: UploadWriter,
  measure: (run: () => Promise<number>) => Promise<number>,
): UploadWriter {
  return {
    write: (chunk) => writer.write(chunk),
    sync: () => measure(() => writer.sync()),
    syncBytes: (digest) => measure(() => writer.syncBytes(digest)),
    get writtenBytes() {
      return writer.writtenBytes
    },
    get offsetBytes() {
      return writer.offsetBytes
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  }
}

async function timed<T>(observe: (seconds: number) => void, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  try {
    return await run()
  } finally {
    observe((performance.now() - start) / 1000)
  }
}
