import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { makeFolder, makeFolderTree } from '../../blobs/folder.ts'
import { lockFolder } from '../../db/process-lock.ts'
import { RegistryError } from '../../domain/errors.ts'
import { atTarget, type BackupLayout, layoutOf, listNames, writeWhole } from './backup-files.ts'

/** A folder of backups that this process alone writes to. */
export interface BackupFolder extends AsyncDisposable {
  readonly layout: BackupLayout
}

const marker = { kind: 'entrepot backup', version: 1 }

/**
 * Opens the folder for a backup, or makes it (mode 0700). What a run left that was cut off goes.
 * Throws UNAVAILABLE when another one writes to it, CONFLICT when it holds something else.
 */
export function openBackupFolder(root: string): Promise<BackupFolder> {
  return atTarget(root, async () => {
    const layout = layoutOf(root)
    const isThere = await isBackup(layout)
    if (!isThere) await requireEmpty(root)
    await makeFolderTree(root)
    const lock = await lockFolder(root, 'backup')
    if (lock === undefined) {
      throw new RegistryError(
        'UNAVAILABLE',
        `Another backup writes to ${root}: wait until it has ended, or use another folder.`,
      )
    }
    try {
      await prepare(layout, isThere)
    } catch (error) {
      await lock[Symbol.asyncDispose]()
      throw error
    }
    return { layout, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() }
  })
}

async function prepare(layout: BackupLayout, isThere: boolean): Promise<void> {
  for (const folder of [layout.blobs, layout.partial, layout.snapshots]) await makeFolder(folder)
  for (const name of await listNames(layout.partial)) {
    await rm(path.join(layout.partial, name), { force: true })
  }
  if (!isThere) await writeWhole(layout.marker, `${JSON.stringify(marker)}\n`)
}

/** Whether the folder is one of backups. */
export async function isBackup(layout: BackupLayout): Promise<boolean> {
  return (await unlessMissing(stat(layout.marker))) !== undefined
}

/** So that nobody's own files are mixed with a backup. What a first run left that was cut off may be. */
async function requireEmpty(root: string): Promise<void> {
  const ours = new Set(['backup.lock', 'blobs', 'partial', 'snapshots'])
  const names = (await listNames(root)).filter(
    (name) => !ours.has(name) && !name.startsWith('entrepot-backup.json'),
  )
  if (names.length === 0) return
  throw new RegistryError(
    'CONFLICT',
    `${root} is not empty and no backup of Entrepot (it has ${names[0]}): give the backup a folder of its own.`,
  )
}
