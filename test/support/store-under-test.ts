import { setTimeout as sleep } from 'node:timers/promises'
import { askApi } from './api-call.ts'
import { type CloudKind, clouds } from './cloud-stores.ts'
import { adminPassword } from './process.ts'
import { basic } from './wire.ts'

/** Where a suite of the core keeps its images, if not on disk. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly name: CloudKind['name']
  /** Gives these registries an empty bucket of their own, together. */
  use(url: string, feeds: readonly string[]): Promise<void>
}

/** Feeds are looked up anew after a second. */
const rememberedMs = 1100

/** The one that `ENTREPOT_TEST_STORE` names: RGW, Swift or Azurite; undefined: a folder. */
export async function openStoreUnderTest(
  name: string | undefined = process.env.ENTREPOT_TEST_STORE,
): Promise<StoreUnderTest | undefined> {
  if (name === undefined) return undefined
  const kind = clouds.find((each) => each.name.toLowerCase() === name.toLowerCase())
  if (kind === undefined || kind.missing !== '') {
    throw new Error(`there is no store ${name} to test with: ${kind?.missing}`)
  }
  const cloud = await kind.start()
  return {
    name: kind.name,
    async use(url, feeds) {
      const { id, properties } = await cloud.newPlace()
      for (const feed of feeds) {
        const { status, body } = await askApi(url, {
          target: `/api/storage?feed=${feed}`,
          headers: { authorization: basic('Admin', adminPassword) },
          json: { id, properties },
        })
        if (status !== 200) throw new Error(`${feed}: ${status} ${JSON.stringify(body)}`)
      }
      await sleep(rememberedMs)
    },
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  }
}
