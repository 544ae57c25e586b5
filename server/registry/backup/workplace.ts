import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { makeFolderTree } from '../../blobs/folder.ts'
import { lockFolder } from '../../db/process-lock.ts'
import { RegistryError } from '../../domain/errors.ts'
import { writeWhole } from './backup-files.ts'
import { databaseName } from './target.ts'

/** In the data folder; nothing in it is missed. */
export const workplaceName = 'bucket-backup'

/** A folder of the data folder for what goes to a bucket, or comes from it: one run at a time. */
export interface Workplace extends AsyncDisposable {
  /** The same for each run here: what another run of it holds in a bucket is held no more. */
  readonly id: string
  /** Where the database is on its way; not there yet. */
  readonly database: string
}

/** Throws UNAVAILABLE while another run has it. */
export async function openWorkplace(dataDir: string): Promise<Workplace> {
  const folder = path.join(dataDir, workplaceName)
  await makeFolderTree(folder)
  const lock = await lockFolder(folder, 'backup')
  if (lock === undefined) {
    throw new RegistryError(
      'UNAVAILABLE',
      `Another backup to a bucket, or a restore from one, is under way here (it has ${folder}): wait until it has ended.`,
    )
  }
  const database = path.join(folder, databaseName)
  const clear = async () => {
    for (const end of ['', '-wal', '-shm', '-journal'])
      await rm(`${database}${end}`, { force: true })
  }
  await clear()
  const idFile = path.join(folder, 'id')
  const known = (await unlessMissing(readFile(idFile, 'utf8')))?.trim()
  const id = known || randomUUID()
  if (id !== known) await writeWhole(idFile, `${id}\n`)
  return {
    id,
    database,
    async [Symbol.asyncDispose]() {
      await clear()
      await lock[Symbol.asyncDispose]()
    },
  }
}
