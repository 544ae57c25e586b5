import { listStores, type StoreRecord } from '../db/stores.ts'
import { listFeeds } from '../registry/feeds.ts'
import type { StoreParts } from '../registry/store-properties.ts'
import { partsOf } from '../registry/store-rows.ts'
import { tryPlace } from '../registry/store-trial.ts'
import { isServedElsewhere, type KnownStore } from '../registry/stores.ts'
import { askAsClient } from './client-view.ts'
import { type Finding, failure, ok, reasonOf, skipped } from './finding.ts'
import { type Patient, type PatientWithData, withData } from './patient.ts'
import { remedyFor } from './store-remedies.ts'

const waitMs = 20_000

/** Each store: reached, the right one, and tried step by step, as its registries will use it. */
export function checkStores(patient: Patient): Promise<Finding[]> {
  return withData(patient, 'stores', async (whole) => {
    const { db, stores } = whole.data
    await stores.refresh()
    const records = await listStores(db.read)
    const feeds = await listFeeds(db)
    const findings: Finding[] = []
    for (const record of records) {
      const known = stores.find(record.id)
      if (known === undefined) continue
      const registries = feeds.filter((feed) => feed.storeId === record.id).map(({ name }) => name)
      findings.push(await checkStore(whole, { record, known, registries }))
    }
    return findings
  })
}

interface Looked {
  readonly record: StoreRecord
  readonly known: KnownStore
  /** Names of those that push to it. */
  readonly registries: readonly string[]
}

async function checkStore(patient: PatientWithData, looked: Looked): Promise<Finding> {
  const { record, known, registries } = looked
  const name = `store ${known.name}`
  if (record.marker === null) return ok(name, 'It was never used.')
  const users = registries.length === 0 ? 'no registry pushes to it' : registries.join(', ')
  const fail = (seen: string, reason: string) =>
    failure(name, `${seen}: ${reason} (${users})`, remedyFor(record.type, reason))
  const parts = readParts(patient, record)
  if ('reason' in parts) return fail('Its credentials cannot be read', parts.reason)
  const unreachable = await findUnreachable(parts)
  if (unreachable !== null) return fail('It cannot be reached', unreachable)
  const refused = await within(
    known.store.check().then(
      () => null,
      (error) => error,
    ),
  )
  if (isServedElsewhere(refused)) return skipped(name, `Another process serves it (${users}).`)
  if (refused !== null) return fail('It cannot be used', reasonOf(refused))
  const trial = tryPlace(patient.data.openTrial, parts, known.name)
  const steps = await within(trial.catch(reasonOf))
  if (!Array.isArray(steps)) return fail('It cannot be tried', reasonOf(steps))
  const failed = steps.find(({ reason }) => reason !== null)
  if (failed !== undefined) return fail(`The step "${failed.step}" fails`, failed.reason ?? '')
  return ok(name, `Writing, reading, listing and deleting work (${users}).`)
}

function readParts(
  { data }: PatientWithData,
  record: StoreRecord,
): StoreParts | { readonly reason: string } {
  try {
    return partsOf(record, data.secrets)
  } catch (error) {
    return { reason: reasonOf(error) }
  }
}

/** Where a store in the cloud answers; null: a folder, or nobody said. */
export function endpointOf({ type, place, options }: StoreParts): string | null {
  if (type === 'disk') return null
  const named = place.CustomServiceUrl ?? place.ContainerUrl
  if (named !== undefined) return new URL(named).origin
  const { Account: account } = place
  if (type === 's3') return `https://s3.${options.RegionEndpoint ?? 'us-east-1'}.amazonaws.com`
  if (account === undefined) return null
  return URL.canParse(account)
    ? new URL(account).origin
    : `https://${account}.blob.core.windows.net`
}

/** Said in one request, where the service's own client would try for long. */
async function findUnreachable(parts: StoreParts): Promise<string | null> {
  const endpoint = endpointOf(parts)
  if (endpoint === null) return null
  const { status, problem } = await askAsClient(endpoint)
  return status === null ? `${endpoint} does not answer: ${problem ?? 'no reason is known'}` : null
}

/** Clients of the cloud try again for long; who looks does not wait for that. */
async function within<T>(work: Promise<T>): Promise<T | Error> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Error>((resolve) => {
    timer = setTimeout(
      () => resolve(new Error(`It does not answer within ${waitMs / 1000} seconds.`)),
      waitMs,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
