import { formatBytes, formatShare, isNearlyFull } from '../domain/quota.ts'
import { type FeedUse, readFeedUses } from '../registry/quotas.ts'
import { openSizeFolding } from '../registry/sizes.ts'
import { type Finding, ok, warning } from './finding.ts'
import { type Patient, withData } from './patient.ts'

const maxNamed = 20

/** The same, asked now. */
export function lookAtQuotas(patient: Patient): Promise<Finding[]> {
  return withData(patient, 'quotas', async ({ data: { db } }) => {
    const uses = await readFeedUses({ db, sizeFolding: openSizeFolding(db) })
    return checkQuotas(uses)
  })
}

/** Registries that soon take no pushes any more; nothing where none has a quota. */
export function checkQuotas(uses: readonly FeedUse[]): Finding[] {
  const name = 'quotas'
  if (uses.length === 0) return []
  const full = uses.filter(isNearlyFull)
  if (full.length === 0) return [ok(name, 'No registry has used 80 % of its quota.')]
  const told = full.slice(0, maxNamed).map((use) => {
    const { usedBytes, quotaBytes } = use
    return `${use.name} has ${formatBytes(usedBytes)} of ${formatBytes(quotaBytes)} (${formatShare(use)})`
  })
  const more = full.length > maxNamed ? `; and ${full.length - maxNamed} more` : ''
  return [
    warning(
      name,
      `${told.join('; ')}${more}.`,
      'At 100 % pushes are refused: delete images, or let a retention rule do it, and run the clean-up; or raise the quota.',
    ),
  ]
}
