import { randomBytes } from 'node:crypto'
import { createApiKey, revokeApiKey } from '../../auth/api-key.ts'
import type { Actor } from '../../domain/actor.ts'
import { createFeed, deleteFeed, type Feed, listFeeds } from '../../registry/feeds.ts'
import type { PatientData } from '../patient.ts'

/** A registry that is there for one probe alone, and a key that opens nothing else. */
export interface ProbeAccess extends AsyncDisposable {
  readonly feed: string
  readonly key: string
}

const by: Actor = { name: 'Entrepot', address: null }
const description = 'Of entrepot doctor: it goes when the probe has ended.'
const keyMs = 15 * 60_000
/** `doctor-<minute since 1970, base 36>-<at random>`. */
const namePattern = /^doctor-([0-9a-z]{4,8})-[0-9a-f]{12}$/

/** Whoever opens the database may do anything: no password is asked for. */
export async function openProbeAccess(
  { db, stores }: PatientData,
  now: () => number,
): Promise<ProbeAccess> {
  const feeds = await listFeeds(db)
  await removeOld({ db, feeds }, now())
  // Where images go, so that a process which serves no folder of its own can take it.
  const storeId = feeds.find(({ active }) => active)?.storeId ?? stores.defaultStoreId
  const minute = Math.floor(now() / 60_000).toString(36)
  const feed = `doctor-${minute}-${randomBytes(6).toString('hex')}`
  await createFeed({ db, storeId, by: by.name }, { name: feed, description })
  const remove = () => deleteFeed({ db, by: by.name }, feed)
  try {
    const { id, key } = await createApiKey(
      { db, by },
      { type: 'feed', feed, permissions: ['view', 'add', 'delete'] },
      { displayName: feed, description, expires: new Date(now() + keyMs) },
    )
    return {
      feed,
      key,
      async [Symbol.asyncDispose]() {
        await revokeApiKey({ db, by }, id)
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** What a probe left that was killed. */
async function removeOld(
  { db, feeds }: { readonly db: PatientData['db']; readonly feeds: readonly Feed[] },
  now: number,
): Promise<void> {
  for (const feed of feeds.filter((each) => each.description === description)) {
    const [, minute] = namePattern.exec(feed.name) ?? []
    if (minute === undefined || now - Number.parseInt(minute, 36) * 60_000 < keyMs) continue
    await deleteFeed({ db, by: by.name }, feed.name).catch(() => undefined)
  }
}
