import { newContent } from '../contents.ts'
import { measureGets } from '../load.ts'
import type { Row } from '../row.ts'
import { openBareServer, type Target } from '../servers.ts'
import { makeManifest, manifestType, pushInPut, putManifest } from '../uploads.ts'

const repository = 'main/bench/manifest-get'
const connections = 32

export const manifestGet: Row = {
  name: 'manifest-get',
  title: () => `manifest GET by tag, ${connections} connections`,
  unit: 'replies/s',
  aim: 10,
  async prepare({ entrepot, peer }, options) {
    const config = newContent(1000)
    const layers = Array.from({ length: 5 }, () => newContent(1000))
    const manifest = makeManifest(config, layers, '1')
    for (const target of [entrepot, peer]) {
      using client = await target.openClient([repository])
      for (const content of [config, ...layers]) await pushInPut(client, repository, content)
      await putManifest(client, { repository, tag: 'latest' }, manifest)
    }
    const bare = await openBareServer(options.folder, manifest.content)
    const load = { connections, seconds: options.seconds, accept: manifestType }
    const measure = async (target: Target) => {
      using client = await target.openClient([repository])
      const url = `${target.url}/v2/${repository}/manifests/latest`
      return measureGets({ ...load, url, authorization: client.authorization })
    }
    // Node compiles what is called often; a server that has just started is not what is asked for.
    for (const target of [entrepot, peer]) await measure(target)
    return {
      measure,
      measureBare: () => measureGets({ ...load, url: `${bare.url}/`, authorization: undefined }),
      [Symbol.asyncDispose]: () => bare[Symbol.asyncDispose](),
    }
  },
}
