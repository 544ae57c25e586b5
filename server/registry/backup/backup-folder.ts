import { readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { makeFolder, makeFolderTree } from '../../blobs/folder.ts'
import { lockFolder } from '../../db/process-lock.ts'
import { RegistryError } from '../../domain/errors.ts'
import {
  atTarget,
  type BackupLayout,
  layoutOf,
  listNames,
  parseJson,
  writeWhole,
} from './backup-files.ts'

/** A folder of backups that this process alone writes to. */
export interface BackupFolder extends AsyncDisposable {
  readonly layout: BackupLayout
}

/** The server that backs up. */
export interface BackupOwner {
  readonly serverId: string
  /** To this folder, as its database says. */
  readonly hasBackedUp: boolean
}

interface Marker {
  readonly kind: 'entrepot backup'
  readonly version: 1
  /** The id of the one server whose backups these are; absent in folders of before. */
  readonly server?: string
}

/**
 * Opens the folder for a backup of this server, or makes it (mode 0700). What a run left that was cut
 * off goes. Throws UNAVAILABLE when another one writes to it, or it had backups and is empty now, CONFLICT when it holds something else,
 * or backups of another server: forgetting old ones would remove those.
 */
export function openBackupFolder(root: string, owner: BackupOwner): Promise<BackupFolder> {
  return atTarget(root, async () => {
    const layout = layoutOf(root)
    const isThere = await isBackup(layout)
    if (!isThere && owner.hasBackedUp) throw notMounted(root)
    if (!isThere) await requireEmpty(root)
    await makeFolderTree(root)
    const lock = await lockFolder(root, 'backup')
    if (lock === undefined) {
      throw new RegistryError(
        'UNAVAILABLE',
        `Another backup writes to ${root}, or a restore reads it: wait until it has ended, or use another folder.`,
      )
    }
    try {
      await prepare(layout, owner.serverId)
    } catch (error) {
      await lock[Symbol.asyncDispose]()
      throw error
    }
    return { layout, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() }
  })
}

async function prepare(layout: BackupLayout, serverId: string): Promise<void> {
  const owner = (await readMarker(layout))?.server
  if (owner !== undefined && owner !== serverId) throw otherServer(layout)
  for (const folder of [layout.blobs, layout.partial, layout.snapshots]) await makeFolder(folder)
  for (const name of await listNames(layout.partial)) {
    await rm(path.join(layout.partial, name), { force: true })
  }
  if (owner !== undefined) return
  const marker: Marker = { kind: 'entrepot backup', version: 1, server: serverId }
  await writeWhole(layout.marker, `${JSON.stringify(marker)}\n`)
}

/** Undefined: there is none. Throws UNAVAILABLE for one that says something else. */
async function readMarker({ marker }: BackupLayout): Promise<Marker | undefined> {
  const text = await unlessMissing(readFile(marker, 'utf8'))
  if (text === undefined) return undefined
  const found = parseJson(text) as Marker | undefined
  if (found?.kind === 'entrepot backup' && found.version === 1) return found
  throw new RegistryError(
    'UNAVAILABLE',
    `${marker} is damaged, or of a newer version of Entrepot: use that version, or another folder.`,
  )
}

function notMounted(root: string): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `${root} has no entrepot-backup.json, but this server has backed up to it: is its disk mounted? To begin anew, give the backup another folder, such as a new one on that disk.`,
  )
}

function otherServer({ root, marker }: BackupLayout): RegistryError {
  return new RegistryError(
    'CONFLICT',
    `${root} has the backups of another server (${marker} says which): is this the right data folder (--data-dir, ENTREPOT_DATA_DIR)? Otherwise give this server a folder of its own; or remove "server" from that file if it is to take the folder over.`,
  )
}

/** Whether the folder is one of backups. */
export async function isBackup(layout: BackupLayout): Promise<boolean> {
  return (await unlessMissing(stat(layout.marker))) !== undefined
}

/** So that nobody's own files are mixed with a backup. What a first run left that was cut off may be. */
async function requireEmpty(root: string): Promise<void> {
  const ours = new Set(['backup.lock', 'lost+found', 'blobs', 'partial', 'snapshots'])
  const names = (await listNames(root)).filter(
    (name) => !ours.has(name) && !name.startsWith('entrepot-backup.json'),
  )
  if (names.length === 0) return
  throw new RegistryError(
    'CONFLICT',
    `${root} is not empty and no backup of Entrepot (it has ${names[0]}): give the backup a folder of its own.`,
  )
}
