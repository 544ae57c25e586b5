import { listRuns } from '../db/job-runs.ts'
import { readBackupState } from '../registry/backup/backup-health.ts'
import { type Finding, ok, warning } from './finding.ts'
import { type Patient, withData } from './patient.ts'

const runsLookedAt = 200
const recentMs = 7 * 24 * 60 * 60 * 1000
const mostNamed = 5
const staleMs = 2 * 24 * 60 * 60 * 1000

/** How the last backups and runs of jobs went. */
export function checkBackups(patient: Patient): Promise<Finding[]> {
  return withData(patient, 'backups', async ({ config, data, now }) => {
    const isExpected = config.backup.to !== null
    const { lastBackup, backupWarning } = await readBackupState(data.db, isExpected)
    return [
      judgeBackups({ isExpected, lastBackup, backupWarning, now: now() }),
      ...(await judgeJobs(data.db, now())),
    ]
  })
}

function judgeBackups(of: {
  readonly isExpected: boolean
  readonly lastBackup: string | null
  readonly backupWarning: string | null
  readonly now: number
}): Finding {
  const name = 'backups'
  const { isExpected, lastBackup, backupWarning, now } = of
  if (backupWarning !== null) {
    const remedy =
      'Run it by hand and see what it says: entrepot backup --to where the server does (backup-to).'
    return warning(name, backupWarning, remedy)
  }
  if (lastBackup === null) {
    // A copy may be made by other means, such as PostgreSQL's own.
    return ok(name, 'Entrepot itself has made none (docs/backup.md says how).')
  }
  if (isExpected && now - Date.parse(lastBackup) > staleMs) {
    return warning(
      name,
      `The last whole one is of ${lastBackup}, more than two days ago.`,
      'See in Administration, Jobs, whether the job Backup is switched on and what its last run says.',
    )
  }
  return ok(name, `The last whole one is of ${lastBackup}.`)
}

async function judgeJobs(
  db: Parameters<typeof readBackupState>[0],
  now: number,
): Promise<Finding[]> {
  const runs = await listRuns(db.read, {
    ...{ kind: null, feedId: null, before: null, count: runsLookedAt },
  })
  const seen = new Set<string>()
  const failed: string[] = []
  for (const { kind, feedId, feedName, state, endedAt, error } of runs) {
    const job = `${kind} ${feedId}`
    if (endedAt === null || seen.has(job)) continue
    // What went well since needs no mending.
    seen.add(job)
    if (state !== 'failed' || now - endedAt > recentMs) continue
    failed.push(`${kind}${feedName === null ? '' : ` of ${feedName}`}: ${error ?? 'no reason'}`)
  }
  if (failed.length === 0) return [ok('jobs', 'The last run of each has not failed.')]
  return [
    warning(
      'jobs',
      `The last run failed of ${failed.slice(0, mostNamed).join('; ')}${failed.length > mostNamed ? `; and ${failed.length - mostNamed} more` : ''}`,
      'The log of each run says more (Administration, Jobs); mend what it names and run it again.',
    ),
  ]
}
