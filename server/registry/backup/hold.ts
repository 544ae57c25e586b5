import { setTimeout as sleep } from 'node:timers/promises'
import type { BackupRow, BackupState } from '../../db/backup-schema.ts'
import { beatBackup, beginBackup, endBackup } from '../../db/backups.ts'
import type { Db } from '../../db/database.ts'
import { RegistryError } from '../../domain/errors.ts'

/** A backup that is not heard of for so long has ended: clean-up goes on. */
const leaseMs = 600_000
const beatMs = 15_000

export type Counts = Readonly<Record<string, number>>

/** The row that keeps clean-up from what a backup may need, and tells how the backup went. */
export class BackupHold {
  readonly id: number
  /** Aborted when the row could not be kept alive: what the backup needs may be gone. */
  readonly lost: AbortSignal
  readonly #db: Db
  readonly #over = new AbortController()
  readonly #losing = new AbortController()
  readonly #beating: Promise<void>

  private constructor(db: Db, id: number, counts: () => Counts) {
    this.#db = db
    this.id = id
    this.lost = this.#losing.signal
    this.#beating = this.#beat(counts)
  }

  /** Committed before this returns: whatever is freed from now on stays. */
  static async begin(
    db: Db,
    of: Pick<BackupRow, 'kind' | 'target'> & { readonly counts: () => Counts },
  ): Promise<BackupHold> {
    const { kind, target, counts } = of
    const { id } = await db.write(beginBackup, { kind, target, leaseMs })
    return new BackupHold(db, id, counts)
  }

  /** Notes how it ended; clean-up goes on. */
  async end(of: {
    readonly state: Exclude<BackupState, 'running'>
    readonly counts: Counts
    readonly error: string | null
  }): Promise<void> {
    this.#over.abort()
    await this.#beating
    await this.#db.write(endBackup, { id: this.id, ...of })
  }

  async #beat(counts: () => Counts): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      await sleep(beatMs, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      const input = { id: this.id, leaseMs, counts: counts() }
      // A database that cannot be reached for a moment is asked again: the lease is long.
      const held = await this.#db.write(beatBackup, input).catch(() => true)
      if (!held) this.#losing.abort(lostHold())
    }
  }
}

function lostHold(): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    'The backup was not heard of for ten minutes, so clean-up may have removed what it needs. Run it again: what it has copied is not copied again.',
  )
}
