import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { syncFolder } from '../../blobs/folder.ts'
import type { DatabaseContent } from '../../db/database-copy.ts'
import { RegistryError } from '../../domain/errors.ts'
import { type BackupLayout, listNames, parseJson, writeWhole } from './backup-files.ts'

/** A file of the data folder that a snapshot has beside the database. */
export interface KeptFile {
  readonly name: string
  readonly sha256: string
}

/** Files of the data folder that a restored server needs to be the same one. */
export const secretFiles = ['secret.key', 'initial-admin-password'] as const

/** A blob that a backup or a restored folder has not. */
export interface MissingBlob {
  readonly storeId: number
  readonly digest: string
  readonly reason: string
  /** `feed/repository:tag`, or `@digest`; at most a hundred. */
  readonly images: readonly string[]
}

/** What a snapshot has, as `backup.json` says. Times are ISO 8601, UTC. */
export interface SnapshotInfo {
  readonly kind: 'entrepot snapshot'
  readonly version: 1
  /** Of the program. */
  readonly program: string
  /** The last one of its database. */
  readonly migration: string
  readonly startedAt: string
  readonly endedAt: string
  readonly database: { readonly sha256: string; readonly sizeBytes: number }
  readonly files: readonly KeptFile[]
  /** `setting`: the secret key was configured, and is nowhere in the backup. */
  readonly secretKey: 'file' | 'setting'
  readonly content: DatabaseContent
  readonly missing: readonly MissingBlob[]
}

export interface Snapshot {
  readonly name: string
  readonly folder: string
  readonly database: string
  readonly info: SnapshotInfo
}

const partial = '.partial'
const infoFile = 'backup.json'

export function databaseIn(folder: string): string {
  return path.join(folder, 'entrepot.db')
}

export function filesIn(folder: string): string {
  return path.join(folder, 'files')
}

/** A folder for a snapshot that is being made; those of runs that were cut off go. */
export async function beginSnapshot(layout: BackupLayout, at: Date): Promise<string> {
  for (const name of await listNames(layout.snapshots)) {
    if (name.endsWith(partial)) {
      await rm(path.join(layout.snapshots, name), { recursive: true, force: true })
    }
  }
  const name = at.toISOString().replaceAll(':', '-')
  const folder = path.join(layout.snapshots, `${name}${partial}`)
  await mkdir(filesIn(folder), { recursive: true, mode: 0o700 })
  return folder
}

/** The snapshot is whole and durable; its folder. */
export async function finishSnapshot(folder: string, info: SnapshotInfo): Promise<string> {
  await writeWhole(path.join(folder, infoFile), `${JSON.stringify(info, null, 2)}\n`)
  await syncFolder(filesIn(folder))
  await syncFolder(folder)
  const whole = folder.slice(0, -partial.length)
  await rename(folder, whole)
  await syncFolder(path.dirname(whole))
  return whole
}

/** Snapshots that were finished, the newest first. Throws UNAVAILABLE for one of a newer version. */
export async function listSnapshots(layout: BackupLayout): Promise<Snapshot[]> {
  const names = (await listNames(layout.snapshots)).filter((name) => !name.endsWith(partial))
  const found: Snapshot[] = []
  for (const name of names.reverse()) {
    const folder = path.join(layout.snapshots, name)
    const info = await readInfo(path.join(folder, infoFile))
    if (info !== undefined) found.push({ name, folder, database: databaseIn(folder), info })
  }
  return found
}

async function readInfo(file: string): Promise<SnapshotInfo | undefined> {
  const text = await unlessMissing(readFile(file, 'utf8'))
  if (text === undefined) return undefined
  const info = parseJson(text) as SnapshotInfo | undefined
  if (info?.kind === 'entrepot snapshot' && info.version === 1) return info
  throw new RegistryError(
    'UNAVAILABLE',
    `${file} is damaged, or of a newer version of Entrepot: use that version.`,
  )
}

/** Copies a secret file, durably, for its owner alone; undefined when there is none. */
export async function copySecretFile(
  from: string,
  to: string,
): Promise<Omit<KeptFile, 'name'> | undefined> {
  const bytes = await unlessMissing(readFile(from))
  if (bytes === undefined) return undefined
  await rm(to, { force: true })
  await using handle = await open(to, 'wx', 0o600)
  await handle.writeFile(bytes)
  await handle.sync()
  return { sha256: createHash('sha256').update(bytes).digest('hex') }
}

export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer)
  return hash.digest('hex')
}
