import type { Listed } from './cloud-listing.ts'

const atOnce = 500

/**
 * Removes parts and tails of uploads that the ledger does not know: what a crash left, or an answer
 * that was lost. A row comes before the first part, so nobody is sending to them. How many uploads.
 */
export async function sweepLitter(of: Listed, signal: AbortSignal): Promise<number> {
  return (await sweepParts(of, signal)) + (await sweepTails(of, signal))
}

async function sweepParts({ bucket, keys, ledger }: Listed, signal: AbortSignal): Promise<number> {
  let after: string | null = null
  let swept = 0
  while (!signal.aborted) {
    const found: readonly string[] = await bucket.listIncomplete({
      ...{ prefix: keys.blobs, after, count: atOnce },
    })
    const locations = found.map((key) => key.slice(keys.blobs.length))
    const staged = new Set(await ledger.staged(locations))
    for (const [index, key] of found.entries()) {
      if (staged.has(locations[index] ?? '')) continue
      await bucket.abortParts(key)
      swept += 1
    }
    after = found.at(-1) ?? null
    if (found.length < atOnce) break
  }
  return swept
}

async function sweepTails({ bucket, keys, ledger }: Listed, signal: AbortSignal): Promise<number> {
  let after: string | null = null
  const swept = new Set<string>()
  while (!signal.aborted) {
    const found = await bucket.list({ prefix: keys.tails, after, count: atOnce })
    const locationOf = (key: string) => key.slice(keys.tails.length).split('/')[0] ?? ''
    const locations = [...new Set(found.map(({ key }) => locationOf(key)))]
    const staged = new Set(await ledger.staged(locations))
    const strays = found.filter(({ key }) => !staged.has(locationOf(key)))
    await bucket.delete(strays.map(({ key }) => key))
    for (const { key } of strays) swept.add(locationOf(key))
    after = found.at(-1)?.key ?? null
    if (found.length < atOnce) break
  }
  return swept.size
}
