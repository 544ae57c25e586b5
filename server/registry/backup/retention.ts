import { rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { syncFolder } from '../../blobs/folder.ts'
import { CopiedDatabase } from '../../db/copied-database.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import { atTarget, type BackupLayout, listNames } from './backup-files.ts'
import { listSnapshots, type Snapshot } from './snapshots.ts'

export interface RetentionDeps {
  readonly layout: BackupLayout
  readonly report: CleanupReport
}

/**
 * Removes the snapshots before the last `keep` that lack nothing, then the blobs that no snapshot
 * names any more. `keep` null: none. A snapshot goes before its blobs, so that a run which is cut off
 * leaves blobs too many and never a snapshot without its own.
 */
export async function forgetOldSnapshots(deps: RetentionDeps, keep: number | null): Promise<void> {
  if (keep === null) return
  const { layout } = deps
  await atTarget(layout.root, async () => {
    const all = await listSnapshots(layout)
    const kept = pickKept(all, keep)
    for (const old of all.filter((each) => !kept.includes(each))) await removeSnapshot(deps, old)
    await removeUnneeded(deps, kept)
  })
}

/** The newest ones, as far back as it takes to have `keep` that lack nothing. */
function pickKept(all: readonly Snapshot[], keep: number): readonly Snapshot[] {
  const whole = all.filter(({ info }) => info.missing.length === 0)
  const oldest = whole[keep - 1]
  return oldest === undefined ? all : all.slice(0, all.indexOf(oldest) + 1)
}

async function removeSnapshot(
  { layout, report }: RetentionDeps,
  { name, folder }: Snapshot,
): Promise<void> {
  const leaving = `${folder}.partial`
  await rename(folder, leaving)
  await syncFolder(layout.snapshots)
  await rm(leaving, { recursive: true, force: true })
  report.info(`Removed the snapshot ${name}`)
  report.count('snapshotsRemoved', 1)
}

/** Shard by shard, so that no list of all blobs is ever in memory. */
async function removeUnneeded(deps: RetentionDeps, kept: readonly Snapshot[]): Promise<void> {
  const { layout, report } = deps
  report.progress('blobs that no snapshot needs')
  const copies = kept.map(({ database }) => new CopiedDatabase(database))
  try {
    for (const algorithm of await listNames(layout.blobs)) {
      for (const shard of await listNames(path.join(layout.blobs, algorithm))) {
        const from = `${algorithm}:${shard}`
        const needed = copies.flatMap((copy) => copy.listDigests(from, `${from}g`))
        await removeFrom(deps, path.join(algorithm, shard), new Set(needed))
      }
    }
  } finally {
    for (const copy of copies) copy[Symbol.dispose]()
  }
}

async function removeFrom(
  { layout, report }: RetentionDeps,
  shard: string,
  needed: ReadonlySet<string>,
): Promise<void> {
  const folder = path.join(layout.blobs, shard)
  for (const hex of await listNames(folder)) {
    if (needed.has(`${path.dirname(shard)}:${hex}`)) continue
    const file = path.join(folder, hex)
    const { size } = await stat(file)
    await rm(file)
    report.count('blobsRemoved', 1)
    report.count('bytesRemoved', size)
  }
}
