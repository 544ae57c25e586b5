import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { DatabaseContent } from '../../db/database-copy.ts'
import { RegistryError } from '../../domain/errors.ts'
import { parseJson } from './backup-files.ts'
import { type BackupTarget, infoFile } from './target.ts'

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
  readonly info: SnapshotInfo
}

/** By when it was begun. Order of names is order of time. */
export function snapshotName(startedAt: Date): string {
  return startedAt.toISOString().replaceAll(':', '-')
}

/** Whether a name is one that `snapshotName` gives: others may keep things beside snapshots. */
export function isSnapshotName(name: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/.test(name)
}

/** Snapshots that were finished, the newest first. Throws UNAVAILABLE for one of a newer version. */
export async function listSnapshots(target: BackupTarget): Promise<Snapshot[]> {
  const names = (await target.list('snapshots')).filter((name) => !name.endsWith('.partial'))
  const found: Snapshot[] = []
  for (const name of names.reverse()) {
    const info = await readInfo(target, `snapshots/${name}/${infoFile}`)
    if (info !== undefined) found.push({ name, info })
  }
  return found
}

async function readInfo(target: BackupTarget, file: string): Promise<SnapshotInfo | undefined> {
  const bytes = await target.read(file)
  if (bytes === undefined) return undefined
  const info = parseJson(bytes.toString('utf8')) as SnapshotInfo | undefined
  if (info?.kind === 'entrepot snapshot' && info.version === 1) return info
  throw new RegistryError(
    'UNAVAILABLE',
    `${target.name}/${file} is damaged, or of a newer version of Entrepot: use that version.`,
  )
}

/** SHA-256, hexadecimal. */
export function hashBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer)
  return hash.digest('hex')
}
