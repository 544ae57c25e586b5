import { newImage, pushImage } from '../images.ts'
import { measureGets } from '../load.ts'
import { watchLoop } from '../loop-delay.ts'
import type { Row, Sample } from '../row.ts'
import { scopeOf, type Target } from '../servers.ts'
import { manifestType } from '../uploads.ts'

const repository = 'main/bench/pulls-while-pushing'
const connections = 32
const pushers = 8

/** Manifests are pulled while others push small images, and while nobody does. */
export const pullsWhilePushing: Row = {
  name: 'pulls-while-pushing',
  title: () => `manifest GET, ${connections} connections, while ${pushers} push small images`,
  unit: 'ms (median)',
  better: 'less',
  baseline: () => 'without pushes',
  aims: [
    { figure: 'p99 times baseline', relation: '<=', bound: 2 },
    { figure: 'loop p99 ms', relation: '<=', bound: 20 },
  ],
  async prepare({ entrepot, peer, options }) {
    const image = newImage('latest')
    for (const target of [entrepot, peer]) {
      using client = await target.openClient([scopeOf(repository)])
      await pushImage(client, repository, image)
    }
    const pull = async (target: Target): Promise<Sample> => {
      using client = await target.openClient([scopeOf(repository)])
      const url = `${target.url}/v2/${repository}/manifests/latest`
      const load = { url, connections, seconds: options.seconds, accept: manifestType }
      const { value, p99Ms, besides } = await measureGets({
        ...load,
        authorization: client.authorization,
      })
      return {
        value: besides?.p50Ms ?? Number.NaN,
        ...(p99Ms !== undefined && { p99Ms }),
        besides: { repliesPerSecond: value },
      }
    }
    const pullBesidePushes = async (target: Target) => {
      const pushing = await startPushing(target)
      const sample = await pull(target)
      return { ...sample, besides: { ...sample.besides, imagesPerSecond: await pushing.stop() } }
    }
    await pull(entrepot)
    return {
      entrepot: () => watchLoop(entrepot, () => pullBesidePushes(entrepot)),
      baseline: () => watchLoop(entrepot, () => pull(entrepot)),
      'docker-registry': () => pullBesidePushes(peer),
    }
  },
}

let serial = 0

/** Pushes until it is stopped, which tells how many images a second went in. */
async function startPushing(target: Target): Promise<{ stop: () => Promise<number> }> {
  const client = await target.openClient([scopeOf(repository)])
  const startedAt = performance.now()
  let stopped = false
  let images = 0
  const push = async () => {
    while (!stopped) {
      serial += 1
      await pushImage(client, repository, newImage(`image-${serial}`))
      images += 1
    }
  }
  const pushing = Promise.all(Array.from({ length: pushers }, push))
  // What fails is thrown by stop(), not before anybody waits for it.
  pushing.catch(() => {})
  return {
    stop: async () => {
      stopped = true
      await pushing.finally(() => client[Symbol.dispose]())
      return images / ((performance.now() - startedAt) / 1000)
    },
  }
}
