import { knownMigrations } from '../../db/migrate.ts'
import { RegistryError } from '../../domain/errors.ts'
import { type Snapshot, secretFiles } from './snapshots.ts'

/** Throws UNAVAILABLE for a snapshot whose database only a newer version understands. */
export function refuseNewer({ name, info }: Snapshot): void {
  if (knownMigrations().includes(info.migration)) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The snapshot ${name} was made by Entrepot ${info.program}, whose database this version does not understand (${info.migration}): restore it with that version or a later one.`,
  )
}

/** Throws UNAVAILABLE for a snapshot that would write other files than those of a data folder. */
export function refuseForeignFiles({ name, info }: Snapshot): void {
  const known: readonly string[] = secretFiles
  const foreign = info.files.find((each) => !known.includes(each.name))
  if (foreign === undefined) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The backup.json of the snapshot ${name} names a file "${foreign.name}", which no backup has: it was changed. Restore another snapshot (--snapshot).`,
  )
}
