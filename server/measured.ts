import type { BlobStore, UploadWriter } from './blobs/blob-store.ts'
import type { Db } from './db/database.ts'
import type { Metrics } from './metrics.ts'
import type { NewSpan, Traces } from './traces.ts'

/** What is told of each operation: its time, and a span where there are traces. */
export interface Measuring {
  readonly metrics: Metrics
  readonly traces: Traces | null
}

/** The same database, its writes and checks timed. Prepared reads run as they are: they are short. */
export function measureDb(db: Db, { metrics, traces }: Measuring): Db {
  const system = db.dialect === 'sqlite' ? 'sqlite' : 'postgresql'
  const measure = <T>(kind: 'read' | 'write', name: string, run: () => Promise<T>) =>
    timed(
      (seconds) => metrics.observeDatabase(kind, name, seconds),
      traced(traces, run, () => ({
        name: `database ${name}`,
        attributes: { 'db.system.name': system, 'db.operation.name': name },
      })),
    )
  return {
    dialect: db.dialect,
    read: db.read,
    write: (write, input) => measure('write', write.name, () => db.write(write, input)),
    copyTo: (file) => measure('read', 'copyTo', () => db.copyTo(file)),
    check: () => measure('read', 'check', () => db.check()),
    examine: (order) => measure('read', 'examine', () => db.examine(order)),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

/** The same store, its operations timed; not the pieces of a stream, which wait for the client. */
export function measureStore(store: BlobStore, { metrics, traces }: Measuring): BlobStore {
  const measure = <T>(operation: string, run: () => Promise<T>) =>
    timed(
      (seconds) => metrics.observeStore(operation, seconds),
      traced(traces, run, () => ({
        name: `store ${operation}`,
        attributes: { 'entrepot.store.operation': operation },
      })),
    )
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

function traced<T>(
  traces: Traces | null,
  run: () => Promise<T>,
  describe: () => NewSpan,
): () => Promise<T> {
  return traces === null ? run : () => traces.child(describe(), run)
}

async function timed<T>(observe: (seconds: number) => void, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  try {
    return await run()
  } finally {
    observe((performance.now() - start) / 1000)
  }
}
