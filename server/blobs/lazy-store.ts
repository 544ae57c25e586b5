import type { BlobStore } from './blob-store.ts'

/** A store that is opened when it is first used. */
export interface LazyStore extends BlobStore {
  readonly isOpen: boolean
  /** Opens it, if it is not open. Throws what opening throws. */
  openNow(): Promise<void>
}

/** After a failure nobody tries again for so long: requests would come one after the other. */
const quietMs = 1000

/** `showsStaged`: whether the store has `openStaged`, which others ask before they use it. */
export function openLazyStore(
  open: () => Promise<BlobStore>,
  { showsStaged = false }: { readonly showsStaged?: boolean } = {},
): LazyStore {
  let opening: Promise<BlobStore> | undefined
  let isOpen = false
  /** Undefined: the last try has not failed. */
  let failedAt: number | undefined
  const tryOpen = async () => {
    try {
      const store = await open()
      isOpen = true
      return store
    } catch (error) {
      failedAt = performance.now()
      throw error
    }
  }
  const ready = (): Promise<BlobStore> => {
    if (failedAt !== undefined && performance.now() - failedAt >= quietMs) opening = undefined
    if (opening === undefined) {
      failedAt = undefined
      opening = tryOpen()
    }
    return opening
  }
  return {
    get isOpen() {
      return isOpen
    },
    openNow: async () => void (await ready()),
    startUpload: async (location) => (await ready()).startUpload(location),
    openUpload: async (location, offsetBytes) => (await ready()).openUpload(location, offsetBytes),
    async *readStaged(location, lengthBytes) {
      yield* (await ready()).readStaged(location, lengthBytes)
    },
    ...(showsStaged && {
      openStaged: async (location) => (await ready()).openStaged?.(location),
    }),
    finish: async (location) => (await ready()).finish(location),
    async whyNotLinked(file) {
      const store = await ready()
      const elsewhere = 'the registry keeps its images elsewhere.'
      return store.whyNotLinked === undefined ? elsewhere : store.whyNotLinked(file)
    },
    link: async (location, file) => (await ready()).link?.(location, file),
    abort: async (location) => (await ready()).abort(location),
    open: async (location, content) => (await ready()).open(location, content),
    remove: async (locations) => (await ready()).remove(locations),
    list: async (after, count) => (await ready()).list(after, count),
    sweep: async (signal) => (await (await ready()).sweep?.(signal)) ?? 0,
    presign: async (location, seconds) => (await ready()).presign?.(location, seconds) ?? null,
    check: async () => (await ready()).check(),
    async [Symbol.asyncDispose]() {
      const last = await opening?.catch(() => undefined)
      await last?.[Symbol.asyncDispose]()
    },
  }
}
