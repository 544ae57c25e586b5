import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openAdministration } from '../../server/administration.ts'
import { type App, openApp } from '../../server/app.ts'
import { readTraces } from '../../server/config/traces.ts'
import type { Config } from '../../server/config.ts'
import { openLog } from '../../server/log.ts'
import { findFreePort } from '../support/free-port.ts'
import { adminPassword } from '../support/process.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { fetchToken } from '../support/registry-client.ts'
import { noBucket } from '../support/server.ts'
import { type LayerPool, makeLayerPool } from './layers.ts'
import { type Ledger, makeLedger } from './ledger.ts'
import type { Life } from './life.ts'
import { makePusher, type Pusher } from './pusher.ts'

/** Several lives of one data folder, and what its clients were told in them. */
export interface History {
  /** Everything of this history is below it. */
  readonly folder: string
  readonly random: Random
  readonly ledger: Ledger
  readonly pool: LayerPool
  readonly pushers: readonly Pusher[]
  /** The data folder of the next life. */
  dataDir: string
  /** Of every life: a token names the address that it is good for. */
  readonly port: number
  /** The token of this life, which outlives it; empty before there is one. */
  authorization: string
  /** Names of folders. */
  serial: number
}

const clients = 6
/** Of two feeds with one store. */
export const repositories = ['main/crash/one', 'main/crash/two', 'main/three', 'other/four']
const settingsArriveMs = 1100

export async function beginHistory(folder: string, seed: number): Promise<History> {
  const ledger = makeLedger(repositories)
  const pool = makeLayerPool(seed)
  const pushers = Array.from({ length: clients }, (_, number) =>
    makePusher(number, { random: seededRandom(seed + number + 1), ledger, pool }),
  )
  const dataDir = path.join(folder, 'data-0')
  return {
    folder,
    random: seededRandom(seed),
    ledger,
    pool,
    pushers,
    port: await findFreePort(),
    dataDir,
    authorization: '',
    serial: 0,
  }
}

export function nextDataDir(history: History): string {
  history.serial += 1
  return path.join(history.folder, `data-${history.serial}`)
}

function configOf({ port }: Pick<History, 'port'>, dataDir: string): Config {
  return {
    listen: { host: '127.0.0.1', port },
    dataDir,
    databaseUrl: `sqlite:${path.join(dataDir, 'entrepot.db')}`,
    baseUrl: null,
    trustProxy: [],
    tls: null,
    adminPassword,
    secretKey: null,
    logLevel: 'silent',
    metrics: 'admin',
    diskReserveBytes: 0,
    storageRoots: [],
    defaultStore: null,
    backup: { to: null, keep: 7, bytesPerSecond: 0, s3: noBucket },
    traces: readTraces(() => undefined, []),
  }
}

/** The real server, in this thread; `onError` hears what it logs as an error. */
export function openHere(
  history: Pick<History, 'port'>,
  dataDir: string,
  onError: (line: string) => void,
): Promise<App> {
  const config = configOf(history, dataDir)
  const log = openLog({ logLevel: 'error' }, { write: onError })
  return openApp(config, { log, checkpointMs: 20 })
}

/** A life with a token of its own; the first one of a history also allows tags to be deleted. */
export async function beginLife(history: History, app: App): Promise<Life> {
  if (history.authorization === '') {
    const config = configOf(history, history.dataDir)
    await using administration = await openAdministration(config)
    await administration.feeds.create({ name: 'other', alternateNames: [] })
    for (const feed of ['main', 'other'])
      await administration.feeds.set(feed, { tagDeletion: true })
    await sleep(settingsArriveMs)
  }
  history.authorization = await logIn(app.url)
  return lifeOf(app.url, history.authorization)
}

export function lifeOf(url: string, authorization: string): Life {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })
  return { url, authorization, agent, killed: false, answers: 0 }
}

export function logIn(url: string): Promise<string> {
  const scopes = repositories.map((name) => `repository:${name}:pull,push,delete`)
  const request = { user: 'Admin', password: adminPassword }
  return fetchToken(url, { ...request, scopes: [...scopes, 'registry:catalog:*'] })
}
