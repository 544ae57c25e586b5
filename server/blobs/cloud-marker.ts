import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { RegistryError } from '../domain/errors.ts'
import type { Bucket } from './bucket.ts'
import { readRange } from './cloud-range.ts'

const mostBytes = 10_000
const looks = 3
const lookAgainMs = 300

/**
 * The object that says "this is the store, and the one that was opened": while it cannot be read,
 * missing bytes are not taken for lost ones.
 */
export async function verifyCloudMarker(bucket: Bucket, key: string, id: string): Promise<void> {
  const found = await findMarker(bucket, key)
  if (found === id) return
  throw new RegistryError(
    'UNAVAILABLE',
    found === undefined
      ? `The blob store ${bucket.name} is not there: its marker ${key} is missing. Are bucket and prefix the right ones?`
      : `${bucket.name} holds another blob store than expected: its marker ${key} differs. Are bucket and prefix the right ones?`,
    { detail: { expected: id, found: found ?? null } },
  )
}

/**
 * Says which store a place is to be, before it is one: `found` is the one that it is already. Null:
 * that is the store of another server.
 */
export type ClaimMarker = (found: string | undefined) => Promise<string | null>

const newMarker: ClaimMarker = async (found) => (found === undefined ? randomUUID() : null)

/**
 * Makes the place a store, and returns its id. Throws CONFLICT where it is one already; `claim` may
 * know better.
 */
export async function createCloudMarker(
  bucket: Bucket,
  key: string,
  claim: ClaimMarker = newMarker,
): Promise<string> {
  const found = await findMarker(bucket, key)
  const id = await claim(found)
  if (id === null) throw takenError(bucket)
  if (id === found) return id
  const marker = { kind: 'entrepot blob store', version: 1, id }
  await bucket.put(key, Buffer.from(`${JSON.stringify(marker)}\n`))
  // Another server may have come at the same moment: the last one has it.
  const last = await findMarker(bucket, key)
  if (last === undefined || last === id) return id
  throw takenError(bucket)
}

function takenError({ name }: Bucket): RegistryError {
  return new RegistryError(
    'CONFLICT',
    `${name} holds the blobs of another Entrepot: its clean-up would remove what is pushed here. Give this one a prefix of its own; to take an old store over, restore its database first.`,
  )
}

/** Services may not show at once what was written. */
export async function findSizeSoon(bucket: Bucket, key: string): Promise<number | undefined> {
  for (let look = 1; ; look += 1) {
    const size = await bucket.findSize(key)
    if (size !== undefined || look === looks) return size
    await sleep(lookAgainMs)
  }
}

async function findMarker(bucket: Bucket, key: string): Promise<string | undefined> {
  const sizeBytes = await bucket.findSize(key)
  if (sizeBytes === undefined) return undefined
  const pieces: Uint8Array[] = []
  const end = Math.min(sizeBytes, mostBytes) - 1
  for await (const piece of readRange(bucket, key, { start: 0, end })) pieces.push(piece)
  return parseMarker(Buffer.concat(pieces).toString('utf8'))
}

function parseMarker(text: string): string {
  try {
    const { version, id } = JSON.parse(text) as { version?: unknown; id?: unknown }
    if (version === 1 && typeof id === 'string' && id !== '') return id
  } catch {
    // Said below.
  }
  throw new RegistryError(
    'UNAVAILABLE',
    "The blob store's marker entrepot-store.json is damaged, or from a newer version.",
  )
}
