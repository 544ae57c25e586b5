import { listAppliedMigrations } from '../db/diagnosis.ts'
import { formatSize } from './disk-check.ts'
import { type Finding, failure, ok, reasonOf, skipped, warning } from './finding.ts'
import type { Patient, PatientWithData } from './patient.ts'

const name = 'database'
/** Read in a second or two from a usual disk. */
const maxBytes = 512 * 1024 * 1024
const mostNamed = 5

/** Whether it answers and takes writes, and whether what is in it is whole. */
export async function checkDatabase(patient: Patient): Promise<Finding[]> {
  const { data } = patient
  if (!('db' in data)) return [data]
  const { db } = data
  const refused = await db.check().then(() => null, reasonOf)
  if (refused !== null) {
    return [
      failure(
        name,
        `It does not work: ${refused}`,
        db.dialect === 'sqlite'
          ? 'See that its disk has room and that the user of the server may write its files (entrepot doctor --only disk,folders).'
          : 'See that PostgreSQL runs, is no replica, and takes this user.',
      ),
    ]
  }
  return examine({ ...patient, data })
}

async function examine({ data, isDeep }: PatientWithData): Promise<Finding[]> {
  const { db } = data
  const limit = isDeep ? Number.MAX_SAFE_INTEGER : maxBytes
  const { engine, sizeBytes, problems, hints, isWhole } = await db.examine({
    maxBytes: limit,
    isDeep,
  })
  if (problems.length > 0) {
    const told = problems.slice(0, mostNamed).join('; ')
    return [
      failure(
        'database damage',
        `${problems.length === 1 ? 'A fault' : `${problems.length} faults`} in it: ${told}`,
        'Stop the server, keep a copy of the database files, and restore the last backup (docs/backup.md). Look after the disk: what damaged it may do so again.',
      ),
    ]
  }
  const migrations = await listAppliedMigrations(db.read)
  const seen = `${engine}, ${formatSize(sizeBytes)}, at migration ${migrations.at(-1) ?? 'none'}`
  const findings = hints.map((hint) =>
    warning('database', hint, 'docs/running.md says what the database needs.'),
  )
  if (db.dialect === 'sqlite' && !isWhole) {
    findings.push(
      skipped(
        'database damage',
        `It has ${formatSize(sizeBytes)}, more than is read for a quick look.`,
        'entrepot doctor --deep reads all of it.',
      ),
    )
  }
  const looked = isWhole ? ' It was read, and is whole.' : ''
  return [ok(name, `${seen}. It answers and takes writes.${looked}`), ...findings]
}
