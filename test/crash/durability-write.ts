import { sql } from 'kysely'
import type { Queries } from '../../server/db/database.ts'
import type { WriteTable } from '../../server/db/writes.ts'

export interface Durability {
  readonly journalMode: string
  /** 2 is FULL. */
  readonly synchronous: number
}

/** A write that says how its own connection, the writer's, treats the disk. */
export async function readDurability(trx: Queries): Promise<Durability> {
  const journal = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(trx)
  const synchronous = await sql<{ synchronous: number }>`pragma synchronous`.execute(trx)
  return {
    journalMode: journal.rows[0]?.journal_mode ?? 'unknown',
    synchronous: synchronous.rows[0]?.synchronous ?? -1,
  }
}

export const writes = { readDurability }

export const durabilityWrites: WriteTable = { module: import.meta.url, writes }
