import { newContent } from '../contents.ts'
import { nothingToDispose, type Row, scaled, timeAll } from '../row.ts'
import { makeManifest, pushInPut, putManifest } from '../uploads.ts'

const repository = 'main/bench/manifest-put'
const atOnce = 8
const manifests = 600

/** New manifests under new tags; what they refer to is there already. */
export const manifestPut: Row = {
  name: 'manifest-put',
  title: (options) => `manifest PUT, ${scaled(manifests, options)}, ${atOnce} at once`,
  unit: 'manifests/s',
  aim: 4,
  async prepare({ entrepot, peer }, options) {
    const config = newContent(1000)
    const layers = Array.from({ length: 5 }, () => newContent(1000))
    for (const target of [entrepot, peer]) {
      using client = await target.openClient([repository])
      for (const content of [config, ...layers]) await pushInPut(client, repository, content)
    }
    let round = 0
    return {
      ...nothingToDispose,
      measure: async (target) => {
        round += 1
        using client = await target.openClient([repository])
        const work = Array.from({ length: scaled(manifests, options) }, (_, number) => {
          const tag = `round-${round}-${number}`
          return { tag, manifest: makeManifest(config, layers, tag) }
        })
        const put = ({ tag, manifest }: (typeof work)[number]) =>
          putManifest(client, { repository, tag }, manifest)
        return work.length / (await timeAll(work, atOnce, put))
      },
    }
  },
}
