import { findDatabaseTime } from '../db/clock.ts'
import { findLatestTime } from '../db/diagnosis.ts'
import { listStores } from '../db/stores.ts'
import { partsOf } from '../registry/store-rows.ts'
import { checkClock } from './client-checks.ts'
import { askAsClient } from './client-view.ts'
import { type Finding, failure, skipped } from './finding.ts'
import type { Patient, PatientData } from './patient.ts'
import { endpointOf } from './store-check.ts'

/** Notes of the last moment may be of a process whose clock differs a little. */
const aheadMs = 60_000

/** This clock beside all others that can be read, and beside what was noted with a time. */
export async function checkClocks(patient: Patient): Promise<Finding[]> {
  const { data, baseUrl, now } = patient
  const findings: Finding[] = []
  if (baseUrl !== null) {
    const { date } = await askAsClient(`${baseUrl}/v2/`, patient.ca)
    findings.push(...checkClock('clock of the public address', date?.getTime() ?? null, now()))
  }
  if ('db' in data) {
    findings.push(...(await checkDatabaseClock(data, now)))
    for (const endpoint of await listEndpoints(data)) {
      const { date } = await askAsClient(endpoint)
      findings.push(...checkClock(`clock of ${endpoint}`, date?.getTime() ?? null, now()))
    }
    findings.push(...(await checkNotedTimes(data, now)))
  }
  if (findings.length > 0) return findings
  return [skipped('clock', 'There is no other clock to compare this one with.')]
}

/** SQLite has no clock of its own. */
async function checkDatabaseClock({ db }: PatientData, now: () => number): Promise<Finding[]> {
  if (db.dialect === 'sqlite') return []
  return checkClock('clock of the database', await findDatabaseTime(db.read), now())
}

async function listEndpoints({ db, secrets }: PatientData): Promise<string[]> {
  const endpoints = (await listStores(db.read)).map((record) => {
    try {
      return record.type === 'disk' ? null : endpointOf(partsOf(record, secrets))
    } catch {
      // The check of stores tells of it.
      return null
    }
  })
  return [...new Set(endpoints.filter((each) => each !== null))]
}

async function checkNotedTimes({ db }: PatientData, now: () => number): Promise<Finding[]> {
  const latest = await findLatestTime(db.read)
  if (latest === null || latest - now() < aheadMs) return []
  return [
    failure(
      'clock',
      `The database has notes of ${new Date(latest).toISOString()}, and it is ${new Date(now()).toISOString()} now: the clock ran ahead, or was put back.`,
      'See that the clock is right now (timedatectl). If it ran ahead: leases and schedules wait until that time has come; clean-up only takes longer.',
    ),
  ]
}
