import { RegistryError } from '../../domain/errors.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import { listSnapshots, type Snapshot } from './snapshots.ts'
import type { BackupTarget } from './target.ts'

export interface RetentionDeps {
  readonly target: BackupTarget
  readonly report: CleanupReport
}

interface Retention {
  /** Null: nothing is removed. */
  readonly keep: number | null
  /** The name of the snapshot that was just made; it stays wherever its name comes. */
  readonly made: string
}

/**
 * Removes the snapshots before the last `keep` that lack nothing, then the blobs that no snapshot
 * names any more. A snapshot goes before its blobs, so that a run which is cut off leaves blobs too
 * many and never a snapshot without its own. Throws UNAVAILABLE where the list of snapshots lacks the
 * last one: it may lack others, too, whose blobs would go.
 */
export async function forgetOldSnapshots(
  deps: RetentionDeps,
  { keep, made }: Retention,
): Promise<void> {
  if (keep === null) return
  const { target, report } = deps
  const all = await listSnapshots(target)
  if (!all.some(({ name }) => name === made)) throw incompleteList(target, made)
  const newest = pickKept(all, keep)
  const kept = all.filter((each) => each.name === made || newest.includes(each))
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

function incompleteList({ name }: BackupTarget, made: string): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `The list of snapshots in ${name} does not have ${made}, which was just made: no snapshot and no blob was removed.`,
  )
}

/** The newest ones, as far back as it takes to have `keep` that lack nothing. */
function pickKept(all: readonly Snapshot[], keep: number): readonly Snapshot[] {
  const whole = all.filter(({ info }) => info.missing.length === 0)
  const oldest = whole[keep - 1]
  return oldest === undefined ? all : all.slice(0, all.indexOf(oldest) + 1)
}
