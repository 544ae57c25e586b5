import { lstat, readdir } from 'node:fs/promises'
import type { StoredLocation } from './blob-store.ts'
import { systemCode, unlessMissing } from './file-errors.ts'
import { type FileLayout, finishedPath, isShard, shardOf, stagedPath } from './file-layout.ts'
import { isLocation } from './location.ts'

type Found = Pick<StoredLocation, 'location' | 'state'>

/** Asked of the operating system at once, so that requests get their turn in between. */
const statsAtOnce = 4

/**
 * The next `count` locations after `after`, by location; staged and finished ones together, so that
 * `after` says where to go on even when what it names has gone or was finished meanwhile. Fewer
 * than `count` only at the end. Holds the names of one shard and of the uploads, no more.
 */
export async function listLocations(
  layout: FileLayout,
  after: string | null,
  count: number,
): Promise<StoredLocation[]> {
  const staged = (await readdir(layout.uploads)).filter((name) => isNext(name, after))
  const page: StoredLocation[] = []
  for (const shard of await listShards(layout, staged, after)) {
    const found = await listShard(layout, shard, staged)
    const next = found.filter(({ location }) => isNext(location, after))
    for (let at = 0; at < next.length && page.length < count; at += statsAtOnce) {
      const some = next.slice(at, at + Math.min(statsAtOnce, count - page.length))
      const measured = await Promise.all(some.map((entry) => measure(layout, entry)))
      page.push(...measured.filter((entry) => entry !== undefined))
    }
    if (page.length >= count) {
      break
    }
  }
  return page
}

/** Names that other programs left behind are not ours to list. */
function isNext(name: string, after: string | null): boolean {
  return isLocation(name) && (after === null || name > after)
}

async function listShards(
  layout: FileLayout,
  staged: readonly string[],
  after: string | null,
): Promise<string[]> {
  const finished = (await readdir(layout.blobs)).filter(isShard)
  return [...new Set([...finished, ...staged.map(shardOf)])]
    .filter((shard) => after === null || shard >= shardOf(after))
    .sort()
}

async function listShard(
  layout: FileLayout,
  shard: string,
  staged: readonly string[],
): Promise<Found[]> {
  const found = new Map<string, Found>()
  for (const location of staged.filter((name) => shardOf(name) === shard)) {
    found.set(location, { location, state: 'staged' })
  }
  for (const location of await listFinished(layout, shard)) {
    found.set(location, { location, state: 'finished' })
  }
  return [...found.values()].sort((one, other) => (one.location < other.location ? -1 : 1))
}

async function listFinished(layout: FileLayout, shard: string): Promise<string[]> {
  try {
    const names = await readdir(`${layout.blobs}/${shard}`)
    return names.filter((name) => isLocation(name) && shardOf(name) === shard)
  } catch (error) {
    // No such shard yet, or a file of somebody's that is named like one.
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) {
      return []
    }
    throw error
  }
}

/** Undefined when it has gone or moved meanwhile, or is not a file. */
async function measure(layout: FileLayout, found: Found): Promise<StoredLocation | undefined> {
  const pathOf = found.state === 'staged' ? stagedPath : finishedPath
  const stats = await unlessMissing(lstat(pathOf(layout, found.location)))
  return stats?.isFile() ? { ...found, sizeBytes: stats.size } : undefined
}
