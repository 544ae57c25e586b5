import type { BlobStore } from './blob-store.ts'

/** A store that is opened when it is first used, and again if that failed. */
export function openLazyStore(open: () => Promise<BlobStore>): BlobStore {
  let opening: Promise<BlobStore> | undefined
  const ready = () => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  return {
    startUpload: async (location) => (await ready()).startUpload(location),
    openUpload: async (location, offsetBytes) => (await ready()).openUpload(location, offsetBytes),
    async *readStaged(location, lengthBytes) {
      yield* (await ready()).readStaged(location, lengthBytes)
    },
    finish: async (location) => (await ready()).finish(location),
    abort: async (location) => (await ready()).abort(location),
    open: async (location) => (await ready()).open(location),
    remove: async (locations) => (await ready()).remove(locations),
    list: async (after, count) => (await ready()).list(after, count),
    sweep: async (signal) => (await (await ready()).sweep?.(signal)) ?? 0,
    presign: async (location, seconds) => (await ready()).presign?.(location, seconds) ?? null,
    check: async () => (await ready()).check(),
    async [Symbol.asyncDispose]() {
      const opened = await opening?.catch(() => undefined)
      await opened?.[Symbol.asyncDispose]()
    },
  }
}
