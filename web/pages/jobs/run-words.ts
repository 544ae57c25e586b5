import type { JobInfo, RunInfo } from '../../../contract/jobs.ts'
import { counted } from '../../parts/count.tsx'
import { formatSize } from '../../parts/size.tsx'

/** What a job does, for somebody who reads its name. */
const purposes: Readonly<Record<string, string>> = {
  FeedCleanup: 'Removes abandoned uploads, what retention rules name, and what nothing needs.',
  FeedIntegrity: 'Reads every layer and compares it with its digest.',
  Backup: 'Backs the server up to the folder of the setting backup-to.',
  StorageCleanup: 'Removes bytes that no registry needs any more, in every store.',
  StorageReconcile: 'Compares what lies in the stores with what the database knows.',
  FeedDeletion: 'Removes what was in a deleted registry.',
  FeedMove: 'Brings what a registry has in other stores to its own.',
  RepositoryDeletion: 'Removes what was in a deleted repository.',
}

export function purposeOf({ job }: Pick<JobInfo, 'job'>): string | undefined {
  return purposes[job]
}

/** Parts of a clean-up that can be run alone, in their order. */
export const cleanUpSteps = [
  { step: 'uploads', title: 'Abandoned uploads' },
  { step: 'retention', title: 'Retention rules' },
  { step: 'garbage', title: 'Garbage: images and layers that nothing needs' },
  { step: 'storage', title: 'Bytes in the store' },
] as const

/** Names of counts, in the order in which they are told; `many` only where an "s" is not enough. */
const things: readonly (readonly [count: string, one: string, many?: string])[] = [
  ['uploads', 'upload'],
  ['tags', 'tag'],
  ['images', 'image'],
  ['followers', 'image that followed', 'images that followed'],
  ['manifests', 'manifest'],
  ['links', 'link'],
  ['rows', 'row'],
  ['blobs', 'blob'],
  ['files', 'file'],
  ['strays', 'stray file'],
  ['checked', 'blob checked', 'blobs checked'],
  ['locations', 'place looked at', 'places looked at'],
  ['copied', 'blob'],
  ['shared', 'blob that was there', 'blobs that were there'],
  ['damaged', 'damaged blob'],
  ['mended', 'mended blob'],
  ['changed', 'image that changed meanwhile', 'images that changed meanwhile'],
]

/** "freed 3.2 GB: 14 uploads, 210 manifests, 812 blobs"; of a dry run what would go. */
export function figuresOf({ counts, dryRun, state }: RunInfo): string {
  const freed = counts.bytesFreed ?? 0
  const read = counts.bytesChecked ?? 0
  const copied = counts.bytesCopied ?? 0
  const known = things.flatMap(([name, one, many]) => {
    const count = counts[name] ?? 0
    return count === 0 ? [] : [counted(count, one, many)]
  })
  const sizes = [
    ...(freed > 0 ? [`${dryRun ? 'would free' : 'freed'} ${formatSize(freed)}`] : []),
    ...(read > 0 ? [`read ${formatSize(read)}`] : []),
    ...(copied > 0 ? [`copied ${formatSize(copied)}`] : []),
  ]
  if (sizes.length + known.length === 0) return state === 'succeeded' ? 'nothing to do' : ''
  if (sizes.length === 0) return dryRun ? `would take ${known.join(', ')}` : known.join(', ')
  return known.length === 0 ? sizes.join(', ') : `${sizes.join(', ')}: ${known.join(', ')}`
}

const colors: Readonly<Record<RunInfo['state'], string>> = {
  queued: 'gray',
  running: 'blue',
  cancelling: 'yellow',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'gray',
}

/** How it went, in a word and a colour: a run that passed something over did not go well. */
export function outcomeOf({ state, errors }: RunInfo): { words: string; color: string } {
  if (state === 'succeeded' && errors > 0) {
    return { words: `done, ${counted(errors, 'error')}`, color: 'yellow' }
  }
  return { words: state === 'succeeded' ? 'done' : state, color: colors[state] }
}

export function goesOn({ state }: RunInfo): boolean {
  return state === 'queued' || state === 'running' || state === 'cancelling'
}

/** "12 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** How long it has taken, or takes by now; null while it waits. */
export function durationOf({ startedAt, endedAt }: RunInfo, now: number): number | null {
  if (startedAt === null) return null
  const end = endedAt === null ? now : Date.parse(endedAt)
  return Math.max(0, end - Date.parse(startedAt))
}
