import type { Db } from '../db/database.ts'
import { listSettings } from '../db/settings.ts'

/** The settings that live in the database, as of at most a second ago. */
export interface Settings {
  /** `Cleanup.GraceSeconds` in milliseconds: how long a promise to a client lasts. */
  graceMs(): number
  /** `Web.BaseUrl`, null when it is not set. */
  baseUrl(): string | null
  /** Reads them anew if they are older than a second; every request calls it first. */
  refresh(): Promise<void> | undefined
}

const defaultGraceSeconds = 3600
const maxAgeMs = 1000

export async function openSettings(db: Db, clock: () => number = Date.now): Promise<Settings> {
  let values = await listSettings(db.read)
  let readAt = clock()
  const read = async () => {
    readAt = clock()
    values = await listSettings(db.read)
  }
  return {
    graceMs() {
      const seconds = Number(values.get('Cleanup.GraceSeconds') ?? defaultGraceSeconds)
      return 1000 * (Number.isFinite(seconds) && seconds >= 0 ? seconds : defaultGraceSeconds)
    },
    baseUrl: () => values.get('Web.BaseUrl') ?? null,
    refresh: () => (Math.abs(clock() - readAt) < maxAgeMs ? undefined : read()),
  }
}
