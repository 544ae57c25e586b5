import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll } from 'vitest'
import { administrationOf } from '../../server/administration.ts'
import { type AppOverrides, openApp } from '../../server/app.ts'
import { readTraces } from '../../server/config/traces.ts'
import type { Config } from '../../server/config.ts'
import { openDatabase } from '../../server/db/database.ts'
import type { FeedChanges } from '../../server/registry/feed-changes.ts'
import { cheapPasswords } from './passwords.ts'
import type { Table } from './rows.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'
import { basic } from './wire.ts'

/** As if nothing were said of a bucket for backups. */
export const noBucket: Config['backup']['s3'] = {
  ...{ region: null, endpoint: null, pathStyle: false, credentials: null },
}

const adminPassword = 'correct horse battery staple'

export type KeyPermission = 'view' | 'add' | 'promote' | 'delete'

export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Another process begins where this one ended. The address changes. */
  restart(): Promise<void>
  readonly config: Config
  /** The Authorization header of the user Admin. */
  readonly admin: string
  readonly adminPassword: string
  createFeed(name: string, settings?: FeedChanges): Promise<void>
  /** Resolves once every request sees the change. */
  setFeed(name: string, settings: FeedChanges): Promise<void>
  /** The Authorization header of a new key: for one feed, or for everything. */
  createKey(feed: string | null, permissions?: readonly KeyPermission[]): Promise<NewKey>
  revokeKey(id: number): Promise<void>
}

export interface NewKey {
  readonly id: number
  readonly key: string
  readonly authorization: string
}

/** A whole server of this process on a free port, its data in a folder that goes with it. */
export async function startServer(
  overrides: Partial<Config> = {},
  appOverrides: AppOverrides = {},
): Promise<TestServer> {
  const folder = makeTemporaryFolder('server')
  const dataDir = path.join(folder.path, 'data')
  const config: Config = {
    listen: { host: '127.0.0.1', port: 0 },
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
    ...overrides,
  }
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const db = await openDatabase({ url: config.databaseUrl })
  // Tests send wrong passwords by the dozen; those of the back-off itself say so.
  // Whether somebody has built the pages makes no difference to tests but those of the pages.
  const usual = { db, passwords: cheapPasswords, slowsDown: false, webFolder: null }
  const open = () => openApp(config, { ...usual, ...appOverrides })
  let app = await open().catch(async (error: unknown) => {
    await db[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
    throw error
  })
  return {
    get url() {
      return app.url
    },
    async restart() {
      await app[Symbol.asyncDispose]()
      app = await open()
    },
    config,
    admin: basic('Admin', adminPassword),
    adminPassword,
    ...administer(administrationOf(db, config)),
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Feeds and rights are looked up anew after a second. */
const rememberedMs = 1100

function administer({ feeds, keys }: ReturnType<typeof administrationOf>) {
  return {
    async createFeed(name: string, settings: FeedChanges = {}) {
      const { alternateNames = [], ...changes } = settings
      await feeds.create({ name, alternateNames })
      // Nobody can have asked for it yet.
      if (Object.keys(changes).length > 0) await feeds.set(name, changes)
    },
    async setFeed(name: string, settings: FeedChanges) {
      await feeds.set(name, settings)
      await sleep(rememberedMs)
    },
    async createKey(feed: string | null, permissions: readonly KeyPermission[] = ['view']) {
      const { id, key } = await keys.create(
        feed === null ? { type: 'system' } : { type: 'feed', feed, permissions },
      )
      return { id, key, authorization: basic('api', key) }
    },
    async revokeKey(id: number) {
      if (!(await keys.revoke(id))) throw new Error(`there is no key ${id}`)
    },
  }
}

/** The server that a file's tests share, and who may call it besides Admin. */
export function useServer(
  setUp: (
    table: Table,
    server: TestServer,
  ) => Promise<Readonly<Record<string, string>> | undefined>,
  overrides: Partial<Config> = {},
) {
  let open: { readonly server: TestServer; readonly table: Table } | undefined
  beforeAll(async () => {
    const server = await startServer(overrides)
    const callers = {
      admin: server.admin,
      wrong: basic('Admin', 'wrong'),
      stranger: basic('nobody', 'wrong'),
    }
    open = { server, table: { url: server.url, callers } }
    const more = await setUp(open.table, server)
    open = { server, table: { url: server.url, callers: { ...callers, ...more } } }
  })
  afterAll(() => open?.server[Symbol.asyncDispose]())
  const get = () => {
    if (open === undefined) throw new Error('the server did not start')
    return open
  }
  return { table: () => get().table, server: () => get().server }
}
