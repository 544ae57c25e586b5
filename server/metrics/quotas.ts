import { Gauge, type Registry } from 'prom-client'

/** A registry that has a quota. */
export interface MeasuredQuota {
  readonly name: string
  readonly quotaBytes: number
  readonly usedBytes: number
}

/** Registries without a quota have no row: there may be many. Absent while nobody can be asked. */
export function addQuotas(registry: Registry, list: () => Promise<readonly MeasuredQuota[]>): void {
  const used: Gauge<'feed'> = new Gauge({
    name: 'entrepot_feed_used_bytes',
    help: 'What a registry with a quota has: blobs, each once, and manifests.',
    labelNames: ['feed'] as const,
    registers: [registry],
  })
  const quota: Gauge<'feed'> = new Gauge({
    name: 'entrepot_feed_quota_bytes',
    help: 'How much there may be in a registry.',
    labelNames: ['feed'] as const,
    registers: [registry],
    // For both: they speak of one moment.
    collect: async () => {
      const quotas = await list().catch(() => [])
      used.reset()
      quota.reset()
      for (const { name, quotaBytes, usedBytes } of quotas) {
        used.set({ feed: name }, usedBytes)
        quota.set({ feed: name }, quotaBytes)
      }
    },
  })
}
