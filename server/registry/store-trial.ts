import path from 'node:path'
import type { CloudPlace } from '../blobs/cloud.ts'
import type { TrialStore } from '../blobs/trial-store.ts'
import { describeStore, type FeedStorageDeps } from './feed-storage.ts'
import { cloudPlaceOf, isTrue, type StoreParts } from './store-properties.ts'
import { reasonOf, type StoreStep, testStore } from './store-test.ts'

export interface StoreTrialDeps extends FeedStorageDeps {
  readonly openTrial: {
    disk(folder: string): Promise<TrialStore>
    cloud(place: CloudPlace): Promise<TrialStore>
  }
}

const waitMs = 20_000
const rangeBytes = 1024

/** Tries a place with these properties, step by step, and leaves nothing there. */
export async function tryStore(
  deps: StoreTrialDeps,
  given: { readonly id: string; readonly properties: Readonly<Record<string, unknown>> },
): Promise<{ readonly steps: readonly StoreStep[]; readonly works: boolean }> {
  const { parts } = await describeStore(deps, given)
  const folder = path.resolve(deps.dataDir, parts.place.StoragePath ?? '')
  try {
    const steps = await tryPlace(deps.openTrial, parts, folder)
    return { steps, works: steps.every(({ reason }) => reason === null) }
  } catch (error) {
    return { steps: [{ step: 'open', reason: reasonOf(error) }], works: false }
  }
}

/** The same for what is described already. Throws what opening it throws. */
export async function tryPlace(
  openTrial: StoreTrialDeps['openTrial'],
  parts: StoreParts,
  folder: string,
): Promise<StoreStep[]> {
  const isDisk = parts.type === 'disk'
  await using trial = isDisk
    ? await openTrial.disk(folder)
    : await openTrial.cloud(cloudPlaceOf(parts))
  const redirects = isTrue(parts.options.RedirectDownloads)
  return await testStore(trial.store, { isDisk, redirects, fetchRange })
}

async function fetchRange(address: string) {
  const response = await fetch(address, {
    headers: { range: `bytes=0-${rangeBytes - 1}` },
    redirect: 'error',
    signal: AbortSignal.timeout(waitMs),
  })
  const bytes = response.status === 206 ? (await response.arrayBuffer()).byteLength : 0
  await response.body?.cancel().catch(() => undefined)
  return { status: response.status, bytes }
}
