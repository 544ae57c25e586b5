import { Cron } from 'croner'
import { refuseField } from '../domain/errors.ts'

export interface Schedule {
  /** Five fields of cron: minute, hour, day of the month, month, day of the week. */
  readonly schedule: string
  /** IANA name: `Europe/Berlin`. */
  readonly timeZone: string
}

/** When the schedule's next time after `now` is; null: never. Both in milliseconds. */
export function nextRunAt({ schedule, timeZone }: Schedule, now: number): number | null {
  const cron = new Cron(schedule, { timezone: timeZone, mode: '5-part', paused: true })
  return cron.nextRun(new Date(now))?.getTime() ?? null
}

/** Throws INVALID_FIELDS, naming what is wrong, for what is no schedule. */
export function checkSchedule({ schedule, timeZone }: Schedule): void {
  checkTimeZone(timeZone)
  try {
    nextRunAt({ schedule, timeZone }, Date.now())
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    refuseField(
      'schedule',
      `"${schedule}" is no schedule: five fields, minute hour day month weekday, as in "30 2 * * *". ${reason.slice(0, 200)}`,
    )
  }
}

function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
  } catch {
    refuseField('timeZone', `"${timeZone}" is no time zone: write it as "Europe/Berlin" or "UTC".`)
  }
}

/** The server's own. */
export function localTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
}
