import { algorithms } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { parseJson } from './backup-files.ts'
import { isSnapshotName } from './snapshots.ts'
import { type BackupTarget, markerFile, type TargetHold, type TargetUse } from './target.ts'

/** The server that backs up. */
export interface BackupOwner {
  readonly serverId: string
  /** To this target, as its database says. */
  readonly hasBackedUp: boolean
}

interface Marker {
  readonly kind: 'entrepot backup'
  readonly version: 1
  /** The id of the one server whose backups these are; absent in folders of before. */
  readonly server?: string
}

/**
 * Takes the target for a backup of this server; no other may write to it meanwhile. What a run left
 * that was cut off goes. Throws UNAVAILABLE when another one writes to it, or it had backups and is
 * empty now, CONFLICT when it holds something else, or backups of another server: forgetting old ones
 * would remove those.
 */
export async function takeForBackup(
  target: BackupTarget,
  owner: BackupOwner,
  tell: TargetUse['tell'],
): Promise<TargetHold> {
  const isThere = await isBackup(target)
  if (!isThere && owner.hasBackedUp) throw emptyNow(target)
  if (!isThere) await requireEmpty(target)
  const hold = await target.hold({ isReader: false, tell })
  if (hold === undefined) {
    throw new RegistryError(
      'UNAVAILABLE',
      `Another backup writes to ${target.name}, or a restore reads it: wait until it has ended, or back up elsewhere.`,
    )
  }
  try {
    await claim(target, owner.serverId)
  } catch (error) {
    await hold[Symbol.asyncDispose]()
    throw error
  }
  return hold
}

async function claim(target: BackupTarget, serverId: string): Promise<void> {
  const owner = (await readMarker(target))?.server
  if (owner !== undefined && owner !== serverId) throw otherServer(target)
  await target.prepare()
  if (owner !== undefined) return
  const marker: Marker = { kind: 'entrepot backup', version: 1, server: serverId }
  await target.write(markerFile, `${JSON.stringify(marker)}\n`)
}

/** Undefined: there is none. Throws UNAVAILABLE for one that says something else. */
async function readMarker(target: BackupTarget): Promise<Marker | undefined> {
  const bytes = await target.read(markerFile)
  if (bytes === undefined) return undefined
  const found = parseJson(bytes.toString('utf8')) as Marker | undefined
  if (found?.kind === 'entrepot backup' && found.version === 1) return found
  throw new RegistryError(
    'UNAVAILABLE',
    `${target.name}/${markerFile} is damaged, or of a newer version of Entrepot: use that version, or back up elsewhere.`,
  )
}

function emptyNow({ name, whyEmpty }: BackupTarget): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `${name} has no ${markerFile}, but this server has backed up to it: ${whyEmpty} To begin anew, back up to another place, such as a new folder or prefix there.`,
  )
}

function otherServer({ name }: BackupTarget): RegistryError {
  return new RegistryError(
    'CONFLICT',
    `${name} has the backups of another server (${markerFile} says which): is this the right data folder (--data-dir, ENTREPOT_DATA_DIR)? Otherwise give this server a place of its own; or remove "server" from that file if it is to take this one over.`,
  )
}

/** Whether the target is one of backups. */
export async function isBackup(target: BackupTarget): Promise<boolean> {
  return (await target.read(markerFile)) !== undefined
}

/** So that nobody's own files are mixed with a backup. What a first run left that was cut off may be. */
async function requireEmpty(target: BackupTarget): Promise<void> {
  const ours = new Set(['backup.lock', 'lost+found', 'blobs', 'partial', 'snapshots'])
  const names = (await target.list('')).filter(
    (name) => !ours.has(name) && !name.startsWith(markerFile),
  )
  const foreign =
    names[0] ??
    (await findForeign(target, 'blobs', (name) => algorithms.some((each) => each === name))) ??
    (await findForeign(target, 'snapshots', (name) =>
      isSnapshotName(name.replace(/\.partial$/, '')),
    ))
  if (foreign === undefined) return
  throw new RegistryError(
    'CONFLICT',
    `${target.name} is not empty and no backup of Entrepot (it has ${foreign}): give the backup a place of its own.`,
  )
}

async function findForeign(
  target: BackupTarget,
  folder: string,
  isOurs: (name: string) => boolean,
): Promise<string | undefined> {
  const name = (await target.list(folder)).find((each) => !isOurs(each))
  return name === undefined ? undefined : `${folder}/${name}`
}
