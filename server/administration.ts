import { mkdir } from 'node:fs/promises'
import {
  type ApiKeyInfo,
  type ApiKeyLabel,
  type ApiKeyScope,
  createApiKey,
  listApiKeys,
  revokeApiKey,
} from './auth/api-key.ts'
import { openPasswords } from './auth/password.ts'
import { resetPassword } from './auth/users.ts'
import type { Config } from './config.ts'
import { openDatabase } from './db/database.ts'
import {
  changeFeed,
  createFeed,
  deleteFeed,
  type Feed,
  type FeedChanges,
  listFeeds,
  type NewFeed,
} from './registry/feeds.ts'
import { ensureDefaultStore } from './registry/stores.ts'

/** What the command line does: the database is open, nothing is served; a server may run beside it. */
export interface Administration extends AsyncDisposable {
  readonly feeds: {
    list(): Promise<Feed[]>
    create(feed: NewFeed): Promise<Feed>
    set(name: string, changes: FeedChanges): Promise<Feed>
    /** Unreachable at once; the serving process removes the content. */
    delete(name: string): Promise<void>
  }
  readonly keys: {
    create(key: ApiKeyScope & ApiKeyLabel): Promise<{ readonly id: number; readonly key: string }>
    list(): Promise<readonly ApiKeyInfo[]>
    /** False when there is no such key. */
    revoke(id: number): Promise<boolean>
  }
  readonly users: {
    /** Without a password one is made up. */
    resetPassword(name: string, password: string | undefined): Promise<{ password: string }>
  }
}

const by = 'command line'

export async function openAdministration(
  config: Pick<Config, 'dataDir' | 'databaseUrl'>,
): Promise<Administration> {
  const { dataDir } = config
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const db = await openDatabase({ url: config.databaseUrl })
  return {
    feeds: {
      list: () => listFeeds(db),
      async create(feed) {
        const { id: storeId } = await ensureDefaultStore(db)
        return createFeed({ db, storeId, by }, feed)
      },
      set: (name, changes) => changeFeed({ db, by }, name, changes),
      delete: (name) => deleteFeed({ db, by }, name),
    },
    keys: {
      create: (key) => createApiKey({ db }, key, key),
      list: () => listApiKeys({ db }),
      revoke: (id) => revokeApiKey({ db }, id),
    },
    users: {
      async resetPassword(userName, password) {
        const deps = { db, dataDir, passwords: openPasswords() }
        return { password: await resetPassword(deps, { userName, password: password ?? null }) }
      },
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}
