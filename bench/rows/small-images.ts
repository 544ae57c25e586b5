import { newContent } from '../contents.ts'
import { nothingToDispose, type Row, scaled, timeAll } from '../row.ts'
import { makeManifest, pushInPut, putManifest } from '../uploads.ts'

const repository = 'main/bench/small-images'
const atOnce = 8
const images = 200

/** Whole images of a config and two layers, none of which is there yet. */
export const smallImages: Row = {
  name: 'small-images',
  title: (options) => `push ${scaled(images, options)} small images, ${atOnce} at once`,
  unit: 'images/s',
  aim: 3,
  async prepare(_targets, options) {
    let round = 0
    return {
      ...nothingToDispose,
      measure: async (target) => {
        round += 1
        using client = await target.openClient([repository])
        const work = Array.from({ length: scaled(images, options) }, (_, number) => {
          const [config, ...layers] = [newContent(1000), newContent(4096), newContent(4096)]
          const tag = `round-${round}-${number}`
          return { config, layers, tag, manifest: makeManifest(config, layers, tag) }
        })
        const seconds = await timeAll(work, atOnce, async (image) => {
          for (const layer of image.layers) await pushInPut(client, repository, layer)
          await pushInPut(client, repository, image.config)
          await putManifest(client, { repository, tag: image.tag }, image.manifest)
        })
        return work.length / seconds
      },
    }
  },
}
