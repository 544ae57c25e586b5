import { formatBytes, formatShare, isNearlyFull } from '../domain/quota.ts'
import type { FeedUse } from '../registry/quotas.ts'
import { type Finding, ok, warning } from './finding.ts'

const maxNamed = 20

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
