import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { backUpNow, restoreNow } from '../../server/administration/backup.ts'
import type { Config } from '../../server/config.ts'
import { image } from '../support/content.ts'
import { noBucket, startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

/** What a run told. */
export interface Told {
  readonly signal: AbortSignal
  readonly faults: string[]
  readonly infos: string[]
  readonly counts: Map<string, number>
  info(message: string): void
  fault(message: string, error: unknown): void
  count(what: string, by: number): void
  progress(words: string): void
}

export function listen(signal: AbortSignal = new AbortController().signal): Told {
  const faults: string[] = []
  const infos: string[] = []
  const counts = new Map<string, number>()
  return {
    ...{ signal, faults, infos, counts, progress: () => {} },
    info: (message) => void infos.push(message),
    fault: (message, error) => void faults.push(`${message}: ${(error as Error).message}`),
    count: (what, by) => void counts.set(what, (counts.get(what) ?? 0) + by),
  }
}

export async function backUpTo(config: Config, to: string, keep: number | null = null) {
  const report = listen()
  const result = await backUpNow(config, { to, keep, bytesPerSecond: 0, report })
  return { ...result, faults: report.faults }
}

interface RestoreOptions {
  readonly snapshot?: string | null
  readonly s3?: Config['backup']['s3']
}

export async function restoreFrom(
  from: string,
  dataDir: string,
  { snapshot = null, s3 = noBucket }: RestoreOptions = {},
) {
  const report = listen()
  const databaseUrl = `sqlite:${path.join(dataDir, 'entrepot.db')}`
  const result = await restoreNow(
    { dataDir, databaseUrl, backup: { s3 } },
    { from, snapshot, report },
  )
  const { faults, infos, counts } = report
  return { ...result, faults, infos, counts }
}

/** A server on a data folder that is there. */
export function serve(dataDir: string): Promise<TestServer> {
  if (!existsSync(dataDir)) mkdirSync(dataDir)
  return startServer({ dataDir, databaseUrl: `sqlite:${path.join(dataDir, 'entrepot.db')}` })
}

export function tableOf({ url, admin }: TestServer) {
  return { url, callers: { admin } }
}

/** Statuses of the manifest and of each blob of `image(seed)`, pulled from there. */
export async function pull(server: TestServer, name: string, seed: string): Promise<string[]> {
  const { manifest, blobs } = image(seed)
  const get = async (target: string, bytes: Buffer) => {
    const headers = { authorization: server.admin }
    const { status, body } = await send(server.url, { method: 'GET', target, headers })
    return status !== 200 ? String(status) : body.equals(bytes) ? 'whole' : 'wrong'
  }
  return [
    await get(`/v2/${name}/manifests/${manifest.digest}`, manifest.bytes),
    ...(await Promise.all(
      blobs.map(({ digest, bytes }) => get(`/v2/${name}/blobs/${digest}`, bytes)),
    )),
  ]
}
