import { expect } from 'vitest'
import type { Client } from '../cleanup/client.ts'
import { demand, type World } from '../cleanup/world.ts'
import { sha256 } from '../support/registry-client.ts'

/** What was kept before and is kept still: not what was taken and pushed again in between. */
export function keptOf(clients: readonly Client[]): string[] {
  return clients.flatMap(({ ledgers }) =>
    [...ledgers].flatMap(([repository, ledger]) =>
      ledger.of('kept').map(({ digest, losses }) => `${repository}@${digest}@${losses}`),
    ),
  )
}

export function splitName(name: string) {
  const [repository = '', digest = ''] = name.split('@')
  return { repository, digest }
}

/** The image, with all that it needs, hashed. */
export async function pullWhole(
  world: World,
  { repository, digest }: { readonly repository: string; readonly digest: string },
): Promise<void> {
  const path = `/v2/${repository}/manifests/${digest}`
  const { body } = await demand(world, { method: 'GET', path }, [200])
  expect(sha256(body)).toBe(digest)
  const { config, layers = [], manifests = [] } = JSON.parse(body.toString())
  for (const child of manifests) await pullWhole(world, { repository, digest: child.digest })
  for (const blob of [config, ...layers].filter((each) => each !== undefined)) {
    const path = `/v2/${repository}/blobs/${blob.digest}`
    expect(sha256((await demand(world, { method: 'GET', path }, [200])).body)).toBe(blob.digest)
  }
}
