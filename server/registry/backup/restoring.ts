import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { syncFolder } from '../../blobs/folder.ts'
import { RegistryError } from '../../domain/errors.ts'
import { writeWhole } from './backup-files.ts'

/** What is being restored into a data folder, as a file in it says until it is whole. */
export interface Restoring {
  readonly from: string
  readonly snapshot: string
  /** Where its database is to be, absolute; absent in notes of before. */
  readonly databaseFile?: string
  /** SHA-256 of the file that is put there; absent until it is made. */
  readonly database?: string
}

const fileName = 'restoring.json'

export async function readRestoring(dataDir: string): Promise<Restoring | undefined> {
  const text = await unlessMissing(readFile(path.join(dataDir, fileName), 'utf8'))
  return text === undefined ? undefined : (JSON.parse(text) as Restoring)
}

export function noteRestoring(dataDir: string, restoring: Restoring): Promise<void> {
  return writeWhole(path.join(dataDir, fileName), `${JSON.stringify(restoring)}\n`)
}

export async function forgetRestoring(dataDir: string): Promise<void> {
  await rm(path.join(dataDir, fileName))
  await syncFolder(dataDir)
}

/** What goes on with it, into the same place. */
export function commandOf(dataDir: string, { from, snapshot, databaseFile }: Restoring): string {
  const usual = path.join(path.resolve(dataDir), 'entrepot.db')
  const to =
    databaseFile === undefined || databaseFile === usual
      ? `--to ${dataDir}`
      : `--data-dir ${dataDir} --database-url sqlite:${databaseFile}`
  return `entrepot restore --from ${from} --snapshot ${snapshot} ${to}`
}

/** Throws UNAVAILABLE for a data folder that is half a server: it would begin as an empty one. */
export async function refuseHalfRestored(dataDir: string): Promise<void> {
  const restoring = await readRestoring(dataDir)
  if (restoring === undefined) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The data folder ${dataDir} is not whole: the restore of ${restoring.snapshot} was cut off. Run it again: ${commandOf(dataDir, restoring)}`,
  )
}
