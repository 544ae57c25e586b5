import { RegistryError } from './errors.ts'

/** How much there may be, and how much there is: of a registry, or of a repository of it. */
export interface QuotaUse {
  readonly of: 'registry' | 'repository'
  readonly quotaBytes: number
  /** Blobs, each once, and manifests. */
  readonly usedBytes: number
}

/** From here on clients and pages are warned. */
const warningShare = 0.8

export function isNearlyFull({ quotaBytes, usedBytes }: Omit<QuotaUse, 'of'>): boolean {
  return usedBytes >= warningShare * quotaBytes
}

/**
 * The refusal of what is too much; `askedBytes` null: nobody knows yet how much will come. Clients
 * show its message to whoever pushes.
 */
export function quotaRefusal(use: QuotaUse, askedBytes: number | null): RegistryError {
  const { of, quotaBytes, usedBytes } = use
  const asked =
    askedBytes === null ? 'nothing more fits' : `${formatBytes(askedBytes)} more do not fit`
  return new RegistryError(
    'QUOTA_EXCEEDED',
    `The quota of this ${of} is ${formatBytes(quotaBytes)} and ${formatBytes(usedBytes)} are used, so ${asked}: delete images, whose room comes back with the clean-up, or ask an administrator for a larger quota.`,
    { detail: { of, quotaBytes, usedBytes, ...(askedBytes !== null && { askedBytes }) } },
  )
}

/** What who pushes is told from 80 % on; null: there is room. */
export function quotaWarning(use: QuotaUse): string | null {
  const { of, quotaBytes, usedBytes } = use
  if (!isNearlyFull(use)) return null
  return `the quota of this ${of} is nearly used up: ${formatBytes(usedBytes)} of ${formatBytes(quotaBytes)} (${formatShare(use)})`
}

/** "85 %"; rounded down, so that 100 says that it is full. */
export function formatShare({ quotaBytes, usedBytes }: Omit<QuotaUse, 'of'>): string {
  return quotaBytes === 0 ? '100 %' : `${Math.floor((100 * usedBytes) / quotaBytes)} %`
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** "1.30 GB": three digits that count, in steps of 1000, as the pages show them. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}
