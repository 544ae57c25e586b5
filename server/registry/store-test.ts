import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { BlobStore } from '../blobs/blob-store.ts'
import { RegistryError } from '../domain/errors.ts'

export interface StoreStep {
  readonly step: 'open' | 'write' | 'resume' | 'finish' | 'read' | 'list' | 'redirect' | 'delete'
  /** Why it failed; null: it worked. */
  readonly reason: string | null
}

const mebibyte = 1024 * 1024
/** More than a part, so that an upload in parts is tried as well. */
const firstBytes = 9 * mebibyte
const restBytes = 3 * mebibyte

/**
 * Tries what pushing, pulling and cleaning up will need, and leaves nothing. Ends with the first
 * step that fails.
 */
export async function testStore(
  store: BlobStore,
  { isDisk, redirects, fetchRange }: StoreTest,
): Promise<StoreStep[]> {
  const location = randomUUID()
  const content = randomBytes(firstBytes + restBytes)
  const work: readonly (readonly [StoreStep['step'], () => Promise<void>])[] = [
    [
      'write',
      async () => {
        await store.check()
        await store.startUpload(location)
        await append(store, { location, from: 0, bytes: content.subarray(0, firstBytes) })
      },
    ],
    [
      'resume',
      () => append(store, { location, from: firstBytes, bytes: content.subarray(firstBytes) }),
    ],
    ['finish', async () => void (await store.finish(location))],
    ['read', () => compare(store, location, content)],
    ['list', () => find(store, location, isDisk)],
    ...(redirects ? ([['redirect', () => follow(store, location, fetchRange)]] as const) : []),
    ['delete', () => store.remove([location])],
  ]
  const steps: StoreStep[] = []
  for (const [step, run] of work) {
    const reason = await run().then(() => null, reasonOf)
    steps.push({ step, reason })
    if (reason !== null) break
  }
  await store.abort(location).catch(() => undefined)
  return steps
}

export interface StoreTest {
  /** Lists in an order of its own. */
  readonly isDisk: boolean
  readonly redirects: boolean
  /** The status, and how many bytes came, for the first kilobyte of an address. */
  fetchRange(address: string): Promise<{ readonly status: number; readonly bytes: number }>
}

async function append(
  store: BlobStore,
  { location, from, bytes }: { location: string; from: number; bytes: Uint8Array },
): Promise<void> {
  await using writer = await store.openUpload(location, from)
  if (writer === undefined) throw new RegistryError('UNAVAILABLE', 'What was written is gone.')
  for (let at = 0; at < bytes.length; at += mebibyte) {
    await writer.write(bytes.subarray(at, at + mebibyte))
  }
  await writer.sync()
}

async function compare(store: BlobStore, location: string, content: Uint8Array): Promise<void> {
  await using reader = await store.open(location)
  if (reader === undefined) throw new RegistryError('UNAVAILABLE', 'What was written is gone.')
  const [start, end] = [mebibyte - 5, 10 * mebibyte]
  const hash = createHash('sha256')
  for await (const piece of reader.read(start, end)) hash.update(piece)
  const wanted = createHash('sha256').update(content.subarray(start, end + 1))
  if (hash.digest('hex') === wanted.digest('hex')) return
  throw new RegistryError('UNAVAILABLE', 'A range of it reads otherwise than it was written.')
}

async function find(store: BlobStore, location: string, isDisk: boolean): Promise<void> {
  const [found] = await store.list(before(location), 1)
  if (isDisk || found?.location === location) return
  throw new RegistryError('UNAVAILABLE', 'A listing does not name what was written.')
}

/** What comes right before it in the order of keys. */
function before(location: string): string {
  return location.slice(0, -1)
}

async function follow(
  store: BlobStore,
  location: string,
  fetchRange: StoreTest['fetchRange'],
): Promise<void> {
  const address = await store.presign?.(location, 60)
  if (address == null) throw new RegistryError('UNSUPPORTED', 'It cannot sign addresses.')
  const { status, bytes } = await fetchRange(address)
  if (status === 206 && bytes === 1024) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The signed address answers ${status} with ${bytes} bytes, instead of 206 with 1024.`,
  )
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? error.cause.message : ''
  return error.message.includes(cause) ? error.message : `${error.message} ${cause}`
}
