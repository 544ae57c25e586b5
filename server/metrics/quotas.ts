import { Gauge, type Registry } from 'prom-client'

/** A registry that has a quota. */
export interface MeasuredQuota {
  readonly name: string
  readonly quotaBytes: number
  readonly usedBytes: number
}

/** Registries without a quota have no row: there may be many. Absent while nobody can be asked. */
export function addQuotas(registry: Registry, list: () => Promise<readonly MeasuredQuota[]>): void {
  let listing: Promise<readonly MeasuredQuota[]> | undefined
  // Both are asked at the same time, and speak of one moment.
  const listOnce = () => {
    listing ??= list()
      .catch(() => [])
      .finally(() => {
        listing = undefined
      })
    return listing
  }
  const add = (
    gauge: { readonly name: string; readonly help: string },
    bytesOf: (quota: MeasuredQuota) => number,
  ) => {
    const made: Gauge<'feed'> = new Gauge({
      ...{ ...gauge, labelNames: ['feed'] as const, registers: [registry] },
      collect: async () => {
        const quotas = await listOnce()
        made.reset()
        for (const quota of quotas) made.set({ feed: quota.name }, bytesOf(quota))
      },
    })
  }
  const used = 'What a registry with a quota has: blobs, each once, and manifests.'
  add({ name: 'entrepot_feed_used_bytes', help: used }, ({ usedBytes }) => usedBytes)
  const quota = 'How much there may be in a registry.'
  add({ name: 'entrepot_feed_quota_bytes', help: quota }, ({ quotaBytes }) => quotaBytes)
}
