import { stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import { type Finding, failure, ok, reasonOf, warning } from './finding.ts'
import { storeFoldersOf } from './folder-check.ts'
import type { Patient } from './patient.ts'

const mebibyte = 1024 * 1024
const gibibyte = 1024 * mebibyte
/** Below twice the reserve there is little time left. */
const warnFactor = 2
const fewFiles = 0.02

interface Place {
  readonly what: string
  readonly folder: string
}

/** Free bytes and files of each disk that something is kept on, each disk once. */
export async function checkDisks(patient: Patient): Promise<Finding[]> {
  const findings: Finding[] = []
  const seen = new Set<number>()
  for (const place of placesOf(patient)) {
    const disk = await stat(place.folder).catch((error: unknown) => error as Error)
    if (disk instanceof Error) {
      findings.push(...missing(place, disk))
    } else if (!seen.has(disk.dev)) {
      seen.add(disk.dev)
      findings.push(...(await judge(place, patient.config.diskReserveBytes)))
    }
  }
  return findings
}

function placesOf(patient: Patient): Place[] {
  const { dataDir, databaseUrl, backup } = patient.config
  const file = /^sqlite:(.+)$/.exec(databaseUrl)?.[1]
  return [
    { what: 'data folder', folder: dataDir },
    ...(file === undefined ? [] : [{ what: 'database', folder: path.dirname(file) }]),
    ...storeFoldersOf(patient).map((folder) => ({ what: 'store', folder })),
    ...(isFolder(backup.to) ? [{ what: 'backup', folder: backup.to }] : []),
  ]
}

/** Not a bucket. */
function isFolder(target: string | null): target is string {
  return target !== null && path.isAbsolute(target)
}

/** A store that was never used has no folder; the checks of folders and stores tell of the others. */
function missing({ what, folder }: Place, error: Error): Finding[] {
  if (what !== 'backup') return []
  return [
    failure(
      `disk of the ${what}`,
      `The folder ${folder} cannot be looked at: ${reasonOf(error)}`,
      'Mount its disk, or make the folder for the user of the server.',
    ),
  ]
}

async function judge({ what, folder }: Place, reserve: number): Promise<Finding[]> {
  const name = `disk of the ${what}`
  const { bavail, blocks, bsize, files, ffree } = await statfs(folder)
  // Some network file systems do not know their size and say 0 for everything.
  if (blocks === 0) return [ok(name, `${folder}: this file system does not say how full it is.`)]
  const free = bavail * bsize
  const seen = `${folder} has ${formatSize(free)} of ${formatSize(blocks * bsize)} free`
  const room =
    'Make room on that disk or enlarge it: delete images and let clean-up run twice (docs/running.md#a-full-disk), or move registries to another store.'
  if (free < reserve || free < mebibyte) {
    const kept = `and must keep ${formatSize(reserve)} (disk-reserve): pushes are refused`
    return [failure(name, `${seen} ${kept}.`, room)]
  }
  const findings: Finding[] = []
  if (free < warnFactor * reserve) {
    findings.push(
      warning(name, `${seen}; below ${formatSize(reserve)} pushes will be refused.`, room),
    )
  }
  if (files > 0 && ffree < files * fewFiles) {
    findings.push(
      (ffree < 100 ? failure : warning)(
        name,
        `${folder} has room for ${ffree} more files only (of ${files}): each layer is one.`,
        'Remove small files from that disk, or use a file system with more inodes.',
      ),
    )
  }
  return findings.length > 0 ? findings : [ok(name, `${seen}.`)]
}

export function formatSize(bytes: number): string {
  if (bytes >= gibibyte) return `${(bytes / gibibyte).toFixed(1)} GiB`
  if (bytes >= mebibyte) return `${(bytes / mebibyte).toFixed(1)} MiB`
  return `${bytes} bytes`
}
