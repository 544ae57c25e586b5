import { knownMigrations } from '../../db/migrate.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { Snapshot } from './snapshots.ts'

/** Throws UNAVAILABLE for a snapshot whose database only a newer version understands. */
export function refuseNewer({ name, info }: Snapshot): void {
  if (knownMigrations().includes(info.migration)) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The snapshot ${name} was made by Entrepot ${info.program}, whose database this version does not understand (${info.migration}): restore it with that version or a later one.`,
  )
}
