import type { BlobCache } from './blob-cache.ts'
import type { BlobReader, BlobStore } from './blob-store.ts'
import type { CacheFilling } from './cache-filling.ts'

/**
 * A store whose blobs are kept in a cache once they were read whole by somebody who knows their
 * digest. Everybody else reads the store itself: who looks for damage must not be shown a copy.
 */
export function openCachedStore(store: BlobStore, cache: BlobCache): BlobStore {
  const openStaged = store.openStaged?.bind(store)
  return {
    startUpload: (location) => store.startUpload(location),
    openUpload: (location, offsetBytes) => store.openUpload(location, offsetBytes),
    readStaged: (location, lengthBytes) => store.readStaged(location, lengthBytes),
    ...(openStaged && { openStaged }),
    finish: (location) => store.finish(location),
    async abort(location) {
      cache.drop([location])
      await store.abort(location)
    },
    async open(location, content) {
      if (content === undefined) return store.open(location)
      const kept = await cache.open(location, content.sizeBytes)
      if (kept !== undefined) return orFromStore(kept, { store, cache, location })
      const reader = await store.open(location)
      if (reader?.sizeBytes !== content.sizeBytes) return reader
      return keeping(reader, () => cache.fill(location, content))
    },
    async remove(locations) {
      cache.drop(locations)
      await store.remove(locations)
    },
    list: (after, count) => store.list(after, count),
    sweep: async (signal) => (await store.sweep?.(signal)) ?? 0,
    presign: async (location, seconds) => (await store.presign?.(location, seconds)) ?? null,
    check: () => store.check(),
    async [Symbol.asyncDispose]() {
      await cache[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** What the disk of the cache cannot give any more comes from the store. */
function orFromStore(
  kept: BlobReader,
  from: { readonly store: BlobStore; readonly cache: BlobCache; readonly location: string },
): BlobReader {
  const { store, cache, location } = from
  return {
    sizeBytes: kept.sizeBytes,
    isCached: true,
    async *read(start, end) {
      let at = start
      try {
        for await (const piece of kept.read(start, end)) {
          at += piece.length
          yield piece
        }
        return
      } catch (error) {
        cache.drop([location])
        await using reader = await store.open(location)
        if (reader?.sizeBytes !== kept.sizeBytes) throw error
        yield* reader.read(at, end)
      }
    },
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  }
}

/** Whoever reads all of it fills the cache. */
function keeping(reader: BlobReader, fill: () => CacheFilling | undefined): BlobReader {
  const { sizeBytes } = reader
  return {
    sizeBytes,
    read(start, end) {
      const pieces = reader.read(start, end)
      return start === 0 && end === sizeBytes - 1 ? copying(pieces, fill) : pieces
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}

async function* copying(
  pieces: AsyncIterable<Uint8Array>,
  fill: () => CacheFilling | undefined,
): AsyncGenerator<Uint8Array> {
  const filling = fill()
  try {
    for await (const piece of pieces) {
      const written = filling?.append(piece)
      try {
        yield piece
      } finally {
        // The next one may come in the same memory; so may others, when the reader leaves.
        await written
      }
    }
  } finally {
    // Who has all of it need not ask whether there is more.
    filling?.finish()
  }
}
