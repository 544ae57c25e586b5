import { openPlace } from './administration/place.ts'
import {
  type ApiKeyInfo,
  type ApiKeyLabel,
  type ApiKeyScope,
  type ApiKeyWithSecret,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
} from './auth/api-key.ts'
import { addGroup, changeMembers, type GroupInfo, getGroup, listGroups } from './auth/groups.ts'
import type { Paged } from './auth/paged.ts'
import { generatePassword, openPasswords } from './auth/password.ts'
import {
  addPermission,
  deletePermission,
  listPermissions,
  type PermissionInfo,
  type PermissionInput,
} from './auth/permissions.ts'
import {
  addUser,
  deleteUser,
  listUsers,
  type NewUserInput,
  resetPassword,
  type UserChanges,
  type UserInfo,
  updateUser,
} from './auth/users.ts'
import type { Config } from './config.ts'
import type { Db } from './db/database.ts'
import { findRepository } from './db/repositories.ts'
import type { Actor } from './domain/actor.ts'
import { RegistryError } from './domain/errors.ts'
import { getRun, listJobInfos, runJob, stopRun } from './jobs/jobs.ts'
import { type DefaultStore, getDefaultStoreId } from './registry/default-store.ts'
import type { FeedChanges, NewFeed } from './registry/feed-changes.ts'
import {
  changeFeed,
  createFeed,
  deleteFeed,
  type Feed,
  getFeed,
  listFeeds,
} from './registry/feeds.ts'
import { setRepositoryQuota } from './registry/quotas.ts'

/** What the command line does: the database is open, nothing is served; a server may run beside it. */
export interface Administration extends AsyncDisposable {
  readonly feeds: {
    list(): Promise<Feed[]>
    create(feed: NewFeed): Promise<Feed>
    set(name: string, changes: FeedChanges): Promise<Feed>
    /** Unreachable at once; the serving process removes the content. */
    delete(name: string): Promise<void>
  }
  readonly repositories: {
    set(
      place: { readonly feed: string; readonly repository: string },
      changes: { readonly quotaBytes: number | null },
    ): Promise<void>
  }
  readonly keys: {
    create(scope: ApiKeyScope, label?: ApiKeyLabel): Promise<ApiKeyWithSecret>
    list(): Promise<readonly ApiKeyInfo[]>
    rotate(id: number, overlap: { readonly overlapHours?: number }): Promise<ApiKeyWithSecret>
    /** False when there is no such key. */
    revoke(id: number): Promise<boolean>
  }
  readonly users: {
    /** Without a password one is made up. */
    add(user: Omit<NewUserInput, 'password'>, password: string | null): Promise<string>
    list(): Promise<readonly UserInfo[]>
    update(name: string, changes: UserChanges): Promise<UserInfo>
    /** False when there is no such user. */
    delete(name: string): Promise<boolean>
    /** The new password; without one it is made up. `recover`: also makes an administrator of it. */
    resetPassword(reset: Parameters<typeof resetPassword>[1]): Promise<string>
  }
  readonly groups: {
    list(): Promise<readonly GroupInfo[]>
    get(name: string): Promise<GroupInfo>
    add(name: string, description: string): Promise<GroupInfo>
    changeMembers(name: string, changes: Parameters<typeof changeMembers>[2]): Promise<GroupInfo>
  }
  readonly permissions: {
    list(): Promise<readonly PermissionInfo[]>
    add(permission: PermissionInput): Promise<PermissionInfo>
    /** False when there is no such permission. */
    delete(id: number): Promise<boolean>
  }
  /** The work is done by a server that runs. */
  readonly jobs: {
    list(): Promise<readonly JobSummary[]>
    run(asked: {
      readonly job: string
      readonly feed: string | null
      readonly step: string | null
      readonly dryRun: boolean
    }): Promise<{ id: number }>
    cancel(run: number): Promise<void>
  }
}

/** A job by the names of things; times are ISO 8601, UTC. */
export interface JobSummary {
  readonly job: string
  /** Null: the server's. */
  readonly feed: string | null
  readonly schedule: string
  readonly timeZone: string
  readonly enabled: boolean
  readonly nextRun: string | null
  /** How its last run ended, or that it goes on. */
  readonly lastRun: string | null
}

const by: Actor = { name: 'command line', address: null }
const pageSize = 500

export async function openAdministration(
  config: Pick<Config, 'dataDir' | 'databaseUrl' | 'defaultStore'>,
): Promise<Administration> {
  const db = await openPlace(config)
  return {
    ...administrationOf(db, config),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

/** The same on a database that is open; nothing is closed. */
export function administrationOf(
  db: Db,
  { dataDir, defaultStore }: Pick<Config, 'dataDir' | 'defaultStore'>,
): Omit<Administration, keyof AsyncDisposable> {
  const deps = { db, by }
  return {
    feeds: feedsOf(db, defaultStore),
    repositories: repositoriesOf(db),
    keys: {
      create: (scope, label) => createApiKey(deps, scope, label),
      list: () => all((after?: number) => listApiKeys({ db }, pageAfter(after))),
      rotate: (id, overlap) => rotateApiKey(deps, id, overlap),
      revoke: (id) => revokeApiKey(deps, id),
    },
    users: usersOf(db, dataDir),
    groups: {
      list: () => all((after?: string) => listGroups({ db }, pageAfter(after))),
      get: (name) => getGroup({ db }, name),
      add: (name, description) => addGroup(deps, { name, description }),
      changeMembers: (name, changes) => changeMembers(deps, name, changes),
    },
    permissions: {
      list: () => all((after?: number) => listPermissions({ db }, pageAfter(after))),
      add: (permission) => addPermission(deps, permission),
      delete: (id) => deletePermission(deps, id),
    },
    jobs: jobsOf(db),
  }
}

function feedsOf(db: Db, defaultStore: DefaultStore): Administration['feeds'] {
  const deps = { db, by: by.name }
  return {
    list: () => listFeeds(db),
    async create(feed) {
      const storeId = await getDefaultStoreId(db, defaultStore)
      return createFeed({ ...deps, storeId }, feed)
    },
    set: (name, changes) => changeFeed(deps, name, changes),
    delete: (name) => deleteFeed(deps, name),
  }
}

function repositoriesOf(db: Db): Administration['repositories'] {
  return {
    async set({ feed, repository }, { quotaBytes }) {
      const { id } = await getFeed(db, feed)
      const row = await findRepository(db.read, id, repository)
      if (row?.listed !== 1) {
        throw new RegistryError('NAME_UNKNOWN', `There is no repository ${feed}/${repository}.`)
      }
      await setRepositoryQuota({ db, by }, { repositoryId: row.id, quotaBytes })
    },
  }
}

function jobsOf(db: Db): Administration['jobs'] {
  return {
    async list() {
      const found = await all((after: number = 0) =>
        listJobInfos({ db }, { feedId: null, after, count: pageSize }),
      )
      const names = new Map((await listFeeds(db)).map(({ id, name }) => [id, name]))
      return found.map((job) => ({
        job: job.kind,
        feed: names.get(job.feedId) ?? null,
        schedule: job.schedule,
        timeZone: job.timeZone,
        enabled: job.enabled === 1,
        nextRun: job.nextRunAt === null ? null : new Date(job.nextRunAt).toISOString(),
        lastRun: job.lastRun?.state ?? null,
      }))
    },
    async run({ feed, ...asked }) {
      const of = feed === null ? null : await getFeed(db, feed)
      return runJob({ db, by }, { ...asked, feed: of })
    },
    async cancel(run) {
      await stopRun({ db, by }, await getRun({ db }, { run, feedId: null }))
    },
  }
}

function usersOf(db: Db, dataDir: string): Administration['users'] {
  const deps = { db, dataDir, passwords: openPasswords(), by }
  return {
    async add(user, given) {
      const password = given ?? generatePassword()
      await addUser(deps, { ...user, password })
      return password
    },
    list: () => all((after?: string) => listUsers({ db }, pageAfter(after))),
    update: (name, changes) => updateUser(deps, name, changes),
    delete: (name) => deleteUser(deps, name),
    resetPassword: (reset) => resetPassword(deps, reset),
  }
}

function pageAfter<C>(after: C | undefined): { readonly after?: C; readonly count: number } {
  return after === undefined ? { count: pageSize } : { after, count: pageSize }
}

/** All pages of a list. */
async function all<T, C>(page: (after?: C) => Promise<Paged<T, C>>): Promise<readonly T[]> {
  const items: T[] = []
  let { items: found, next } = await page()
  items.push(...found)
  while (next !== null) {
    ;({ items: found, next } = await page(next))
    items.push(...found)
  }
  return items
}
