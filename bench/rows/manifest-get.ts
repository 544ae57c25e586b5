import { newImage, pushImage } from '../images.ts'
import { measureGets, measureHeads } from '../load.ts'
import { onBoth, type Row } from '../row.ts'
import { openBareServer, scopeOf, type Target } from '../servers.ts'
import { manifestType } from '../uploads.ts'

const repository = 'main/bench/manifest-get'
const connections = 32

const measures = { GET: measureGets, HEAD: measureHeads }

function manifestRow(name: string, method: 'GET' | 'HEAD'): Row {
  return {
    name,
    title: () => `manifest ${method} by tag, ${connections} connections`,
    unit: 'replies/s',
    better: 'more',
    aims: [
      { figure: 'times the peer', relation: '>=', bound: 10 },
      { figure: 'share of bare', relation: '>=', bound: 0.4 },
    ],
    async prepare(stage) {
      const { entrepot, peer, options, keep } = stage
      const image = newImage(
        'latest',
        Array.from({ length: 5 }, () => 1000),
      )
      for (const target of [entrepot, peer]) {
        using client = await target.openClient([scopeOf(repository)])
        await pushImage(client, repository, image)
      }
      const bare = keep(await openBareServer(options, image.manifest.content))
      const load = { connections, seconds: options.seconds, accept: manifestType }
      const measure = async (target: Target) => {
        using client = await target.openClient([scopeOf(repository)])
        const url = `${target.url}/v2/${repository}/manifests/latest`
        return measures[method]({ ...load, url, authorization: client.authorization })
      }
      const measureBare = () =>
        measures[method]({ ...load, url: `${bare.url}/`, authorization: undefined })
      // Node compiles what is called often; a server that has just started is not what is asked for.
      for (const target of [entrepot, peer]) await measure(target)
      await measureBare()
      return { ...onBoth(stage, measure), bare: measureBare }
    },
  }
}

export const manifestGet = manifestRow('manifest-get', 'GET')
export const manifestHead = manifestRow('manifest-head', 'HEAD')
