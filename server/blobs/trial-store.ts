import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { BlobStore } from './blob-store.ts'
import { type CloudPlace, createCloud, openBucket, openCloud } from './cloud.ts'
import { cloudKeys } from './cloud-keys.ts'
import { openFileStore } from './file-store.ts'
import { openMemoryLedger } from './memory-ledger.ts'

/** A store in a place that is tried out, below a name of its own; nothing of it stays. */
export interface TrialStore extends AsyncDisposable {
  readonly store: BlobStore
}

/** What opens a place to try it out; a folder's disk must keep so many bytes free. */
export function trialsOf(reserveBytes: number) {
  return {
    disk: (folder: string) => openDiskTrial(folder, reserveBytes),
    cloud: openCloudTrial,
  }
}

async function openCloudTrial(place: CloudPlace): Promise<TrialStore> {
  const prefix = `${place.settings.prefix}entrepot-test-${randomUUID()}/`
  const inside = withPrefix(place, prefix)
  const id = await createCloud(inside)
  const store = await openCloud(inside, { id, ledger: openMemoryLedger() })
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await using bucket = await openBucket(inside)
      await bucket.delete([cloudKeys(prefix).marker])
    },
  }
}

function withPrefix(place: CloudPlace, prefix: string): CloudPlace {
  return place.type === 's3'
    ? { type: 's3', settings: { ...place.settings, prefix } }
    : { type: 'azure', settings: { ...place.settings, prefix } }
}

async function openDiskTrial(folder: string, reserveBytes: number): Promise<TrialStore> {
  const root = path.join(folder, `entrepot-test-${randomUUID()}`)
  const store = await openFileStore({ root, reserveBytes })
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}
