import http from 'node:http'
import path from 'node:path'
import { expect } from 'vitest'
import { type ImportCommand, importNow } from '../../server/administration/import.ts'
import type { Config } from '../../server/config.ts'
import { openDatabase } from '../../server/db/database.ts'
import { listen, serve, type Told } from '../backup/backups.ts'
import type { Content, ManifestContent } from '../support/content.ts'
import { listViolations } from '../support/database-invariants.ts'
import { ask } from '../support/registry-client.ts'
import type { TestServer } from '../support/server.ts'

/** A data folder that a server has used, and that nobody serves now. */
export async function makeDataFolder(dataDir: string, feeds: readonly string[] = []) {
  const server = await serve(dataDir)
  for (const feed of feeds) await server.createFeed(feed)
  await server[Symbol.asyncDispose]()
  return server.config
}

export type ImportInput = Partial<Omit<ImportCommand, 'source' | 'selection' | 'order'>> & {
  readonly from: string
  readonly source?: Partial<ImportCommand['source']>
  readonly selection?: Partial<ImportCommand['selection']>
  readonly order?: Partial<ImportCommand['order']>
  readonly report?: Told
}

export const anonymous = { username: null, password: null, caCertificate: null, realmHosts: [] }

/** Imports in this process; faults are what was told on the way. */
export async function runImport(config: Config, input: ImportInput) {
  const { from, source, selection, order, report = listen(), ...rest } = input
  const result = await importNow(config, {
    source: { from, as: null, access: anonymous, ...source },
    selection: {
      ...{ repositories: [], include: [], exclude: [], tags: [], excludeTags: [] },
      ...selection,
    },
    order: { feed: 'main', prefix: '', overwriteTags: false, atOnce: 4, ...order },
    ...{ server: null, bytesPerSecond: 0, mayLink: true, isDryRun: false, report },
    ...rest,
  })
  return { ...result, faults: report.faults }
}

/** What a run that was not needed counts. */
export const nothingCopied = {
  ...{ manifests: 0, tags: 0, copied: 0, linked: 0, shared: 0, bytesCopied: 0, bytesLinked: 0 },
}

/** By reason and name. */
export function skippedOf({
  skipped,
}: {
  readonly skipped: readonly { readonly reason: string; readonly name: string }[]
}): string[] {
  return skipped.map(({ reason, name }) => `${reason}: ${name}`).sort()
}

export interface Pulled {
  readonly name: string
  readonly reference: string
  readonly manifest: ManifestContent
}

/** Each is there byte for byte, under its tag or digest. */
export async function expectPulled(
  server: Pick<TestServer, 'url' | 'admin'>,
  all: readonly Pulled[],
): Promise<void> {
  const client = clientOf(server)
  await inParallel(all, async ({ name, reference, manifest }) => {
    const headers = { accept: '*/*' }
    const got = await ask(client, {
      ...{ method: 'GET', path: `/v2/${name}/manifests/${reference}`, headers },
    })
    expect([got.status, `${name}:${reference}`]).toEqual([200, `${name}:${reference}`])
    expect(got.headers['docker-content-digest']).toBe(manifest.digest)
    expect(got.body.equals(manifest.bytes)).toBe(true)
    expect(got.headers['content-type']).toBe(manifest.mediaType)
  })
  client.agent.destroy()
}

export async function expectBlobs(
  server: Pick<TestServer, 'url' | 'admin'>,
  name: string,
  blobs: readonly Content[],
): Promise<void> {
  const client = clientOf(server)
  await inParallel(blobs, async ({ digest, bytes }) => {
    const got = await ask(client, { method: 'GET', path: `/v2/${name}/blobs/${digest}` })
    expect([got.status, got.body.equals(bytes), digest]).toEqual([200, true, digest])
  })
  client.agent.destroy()
}

function clientOf({ url, admin }: Pick<TestServer, 'url' | 'admin'>) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  return { url, authorization: admin, agent }
}

export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  atOnce = 8,
): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of queue) await work(item)
    }),
  )
}

/** Whatever the database must never say. */
export async function expectSound(dataDir: string): Promise<void> {
  await using db = await openDatabase({ url: `sqlite:${path.join(dataDir, 'entrepot.db')}` })
  expect(await listViolations(db.read)).toEqual([])
}
