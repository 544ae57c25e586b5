import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import type { StoreType } from '../db/store-schema.ts'
import { listFeeds } from './feeds.ts'
import { reasonOf } from './store-test.ts'
import type { KnownStore, Stores } from './stores.ts'

export interface StoreSeen {
  readonly id: number
  readonly kind: StoreType
  readonly name: string
  /** Names of the feeds that push to it. */
  readonly registries: string[]
  /** Why it cannot be reached; null: it can. */
  readonly problem: string | null
}

const waitMs = 5000

/** Every store, and whether it answers now. Looking opens no folder that nobody uses. */
export async function lookAtStores(of: {
  readonly db: Db
  readonly stores: Stores
}): Promise<StoreSeen[]> {
  const feeds = await listFeeds(of.db)
  return Promise.all(
    of.stores.list().map(async (known) => {
      const registries = feeds.filter(({ storeId }) => storeId === known.id).map(({ name }) => name)
      const isIdle = known.type === 'disk' && !known.store.isOpen && registries.length === 0
      const problem = isIdle ? null : await problemOf(known)
      return { id: known.id, kind: known.type, name: nameOf(known), registries, problem }
    }),
  )
}

/** Without the kind, which stands beside it. */
function nameOf({ type, name }: KnownStore): string {
  return name.startsWith(`${type} `) ? name.slice(type.length + 1) : name
}

/** Clients of the cloud try again for long; who looks at a page does not wait for that. */
async function problemOf({ store }: KnownStore): Promise<string | null> {
  const late = new AbortController()
  const wait = sleep(waitMs, undefined, { signal: late.signal, ref: false }).then(
    () => `It does not answer within ${waitMs / 1000} s.`,
  )
  wait.catch(() => undefined)
  try {
    return await Promise.race([store.check().then(() => null, reasonOf), wait])
  } finally {
    late.abort()
  }
}
