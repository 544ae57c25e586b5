import type { CleanupReport } from '../cleanup-report.ts'
import { listSnapshots, type Snapshot } from './snapshots.ts'
import type { BackupTarget } from './target.ts'

export interface RetentionDeps {
  readonly target: BackupTarget
  readonly report: CleanupReport
}

/**
 * Removes the snapshots before the last `keep` that lack nothing, then the blobs that no snapshot
 * names any more. `keep` null: none. A snapshot goes before its blobs, so that a run which is cut off
 * leaves blobs too many and never a snapshot without its own.
 */
export async function forgetOldSnapshots(deps: RetentionDeps, keep: number | null): Promise<void> {
  if (keep === null) return
  const { target, report } = deps
  const all = await listSnapshots(target)
  const kept = pickKept(all, keep)
  for (const { name } of all.filter((each) => !kept.includes(each))) {
    await target.removeSnapshot(name)
    report.info(`Removed the snapshot ${name}`)
    report.count('snapshotsRemoved', 1)
  }
  report.progress('blobs that no snapshot needs')
  const names = kept.map(({ name }) => name)
  await target.removeBlobs(names, (sizeBytes) => {
    report.count('blobsRemoved', 1)
    report.count('bytesRemoved', sizeBytes)
  })
}

/** The newest ones, as far back as it takes to have `keep` that lack nothing. */
function pickKept(all: readonly Snapshot[], keep: number): readonly Snapshot[] {
  const whole = all.filter(({ info }) => info.missing.length === 0)
  const oldest = whole[keep - 1]
  return oldest === undefined ? all : all.slice(0, all.indexOf(oldest) + 1)
}
