import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import {
  findConfigBlob,
  type KnownFacts,
  listFacts,
  listUnexamined,
  type ManifestFacts,
  recordFacts,
} from '../db/manifest-facts.ts'
import { findWholeManifest } from '../db/manifests.ts'
import { isImageConfig, isIndex } from '../domain/media-type.ts'
import { formatPlatform, joinPlatforms } from '../domain/platform.ts'
import { readSmallBlob } from './small-blobs.ts'
import type { Stores } from './stores.ts'

export interface FactDeps {
  readonly db: Db
  readonly stores: Stores
}

const batch = 50
const pauseMs = 20
/** Of larger manifests and configs no platform is looked up: parsing holds up everybody else. */
const maxManifestBytes = 1024 * 1024
const maxConfigBytes = 1024 * 1024

/** Looks platforms and sizes up of these manifests, and keeps them. */
export async function examine(deps: FactDeps, ids: readonly number[]): Promise<void> {
  const facts: ManifestFacts[] = []
  for (const id of ids) {
    const platforms = await findPlatforms(deps, id)
    if (platforms !== undefined) facts.push({ id, platforms })
  }
  if (facts.length > 0) await deps.db.write(recordFacts, { facts })
}

/**
 * Facts by manifest, looked up now. What cannot be looked up, as while the store is not there, is not
 * known: a list is shown all the same.
 */
export async function examineAndFind(
  deps: FactDeps,
  ids: readonly number[],
): Promise<ReadonlyMap<number, KnownFacts>> {
  const each = [...new Set(ids)]
  if (each.length > 0) await examine(deps, each).catch(() => {})
  return new Map((await listFacts(deps.db.read, each)).map((facts) => [facts.id, facts]))
}

/** Undefined: the manifest is gone. */
async function findPlatforms({ db, stores }: FactDeps, id: number): Promise<string | undefined> {
  const whole = await findWholeManifest(db.read, id)
  if (whole === undefined) return undefined
  if (whole.content.byteLength > maxManifestBytes) return ''
  const manifest = parseObject(Buffer.from(whole.content).toString('utf8'))
  if (isIndex(whole.mediaType)) return joinPlatforms(entriesOf(manifest).map(platformOfEntry))
  const config = manifest.config as { readonly mediaType?: unknown } | undefined
  if (typeof config?.mediaType !== 'string' || !isImageConfig(config.mediaType)) return ''
  const blob = await findConfigBlob(db.read, id)
  if (blob === undefined || blob.sizeBytes > maxConfigBytes) return ''
  const text = await readSmallBlob(stores, blob)
  return text === undefined ? '' : joinPlatforms([formatPlatform(parseObject(text))])
}

function entriesOf(manifest: Json): unknown[] {
  return Array.isArray(manifest.manifests) ? manifest.manifests : []
}

function platformOfEntry(entry: unknown): string | null {
  if (typeof entry !== 'object' || entry === null) return null
  return formatPlatform((entry as Json).platform)
}

type Json = Readonly<Record<string, unknown>>

/** Clients push any JSON, and configs need not even be that. */
function parseObject(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Json) : {}
  } catch {
    return {}
  }
}

/**
 * Examines, every second, what was pushed: by this process or another, or before there were facts.
 * A push does not wait for it. Of failures one after another the first is told. Disposing waits for
 * the batch that is under way.
 */
export function startExamining(
  deps: FactDeps,
  { intervalMs = 1000, onError }: { intervalMs?: number; onError: (error: unknown) => void },
): () => Promise<void> {
  const stop = new AbortController()
  let running: Promise<void> | undefined
  let hasFailed = false
  const tell = (error: unknown) => {
    if (!hasFailed) onError(error)
    hasFailed = true
  }
  const look = async () => {
    let after = 0
    while (!stop.signal.aborted) {
      const ids = await listUnexamined(deps.db.read, { after, count: batch })
      if (ids.length === 0) return
      await examine(deps, ids)
      after = ids.at(-1) ?? after
      if (ids.length < batch) return
      await sleep(pauseMs)
    }
  }
  const timer = setInterval(() => {
    running ??= look()
      .then(() => {
        hasFailed = false
      }, tell)
      .finally(() => {
        running = undefined
      })
  }, intervalMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    stop.abort()
    await running
  }
}
