import { seededRandom } from '../support/random.ts'
import { makeLayers } from './blobs.ts'
import { cleanUntil } from './cleaner.ts'
import { Client } from './client.ts'
import type { World } from './world.ts'

/** Clients that push and delete, and clean-up of the feeds without a pause, until it is told to stop. */
export function beginLoad(
  world: World,
  of: { readonly seed: number; readonly clients: number; readonly feeds: readonly string[] },
) {
  const layers = makeLayers(of.seed, 24)
  const clients = Array.from({ length: of.clients }, (_, number) => {
    return new Client({ world, random: seededRandom(of.seed + number), number, layers })
  })
  const stop = new AbortController()
  const load = Promise.all([
    ...clients.map((client) => client.actUntil(stop.signal)),
    cleanUntil(world, of.feeds, stop.signal),
  ])
  return { clients, stop, load }
}
