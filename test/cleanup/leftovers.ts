import { readFileSync } from 'node:fs'
import { sha256 } from '../support/registry-client.ts'
import { cleanUntilQuiet } from './cleaner.ts'
import type { Client } from './client.ts'
import type { KnownManifest, Ledger } from './ledger.ts'
import { storedFiles } from './stored-files.ts'
import { count, demand, type World } from './world.ts'

export interface Rest {
  readonly world: World
  readonly clients: readonly Client[]
  readonly feeds: readonly string[]
  readonly dataDir: string
}

/** Cleans up with nobody about until nothing goes any more; what is wrong then, in words. */
export async function checkLeftovers(rest: Rest): Promise<string[]> {
  const { world, feeds } = rest
  await cleanUntilQuiet(world, feeds)
  return [...(await checkManifests(rest)), ...checkStore(rest)]
}

async function checkManifests({ world, clients }: Rest): Promise<string[]> {
  const all = clients.flatMap((client) =>
    [...client.ledgers].flatMap(([repository, ledger]) =>
      [...ledger.manifests.values()].map((manifest) => ({ client, repository, ledger, manifest })),
    ),
  )
  const wrong: string[] = []
  for (const each of all) wrong.push(...(await checkManifest(world, each)))
  return wrong
}

interface Known {
  readonly client: Client
  readonly repository: string
  readonly ledger: Ledger
  readonly manifest: KnownManifest
}

async function checkManifest(world: World, known: Known): Promise<string[]> {
  const { client, repository, ledger, manifest } = known
  const where = `/v2/${repository}/manifests/${manifest.digest}`
  const { status } = await demand(world, { method: 'GET', path: where }, [200, 404])
  count(world, `in the end ${manifest.state} and ${status}`)
  if (manifest.state === 'unsure') manifest.state = status === 200 ? 'kept' : 'orphan'
  if ((status === 200) !== (manifest.state === 'kept')) {
    return [`${where}, of client ${client.number}, is ${manifest.state}, says ${status}`]
  }
  if (manifest.state !== 'kept') return []
  try {
    await client.check(repository, ledger, manifest)
    return []
  } catch (error) {
    return [String(error)]
  }
}

/** The folder holds each reachable blob once, and nothing else. */
function checkStore({ clients, dataDir }: Rest): string[] {
  const ledgers = clients.flatMap((client) => [...client.ledgers.values()])
  const reachable = new Set(ledgers.flatMap((each) => each.of('kept')).flatMap((m) => m.blobs))
  const files = storedFiles(dataDir).map((file) => sha256(readFileSync(file)))
  const found = new Set(files)
  return [
    ...[...reachable].filter((digest) => !found.has(digest)).map((digest) => `lost: ${digest}`),
    ...[...found].filter((digest) => !reachable.has(digest)).map((digest) => `left: ${digest}`),
    ...(found.size === files.length ? [] : [`${files.length - found.size} files are there twice`]),
  ]
}
