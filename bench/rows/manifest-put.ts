import { newImage, pushBlobs } from '../images.ts'
import { onBoth, type Row, scaled } from '../row.ts'
import { scopeOf } from '../servers.ts'
import { rateSample, timeAll } from '../timing.ts'
import { makeManifest, putManifest } from '../uploads.ts'

const repository = 'main/bench/manifest-put'
const atOnce = 8
const manifests = 600

/** New manifests under new tags; what they refer to is there already. */
export const manifestPut: Row = {
  name: 'manifest-put',
  title: (options) => `manifest PUT, ${scaled(manifests, options)}, ${atOnce} at once`,
  unit: 'manifests/s',
  better: 'more',
  aims: [{ figure: 'times the peer', relation: '>=', bound: 4 }],
  async prepare(stage) {
    const { options } = stage
    const image = newImage(
      '1',
      Array.from({ length: 5 }, () => 1000),
    )
    for (const target of [stage.entrepot, stage.peer]) {
      using client = await target.openClient([scopeOf(repository)])
      await pushBlobs(client, repository, image)
    }
    let round = 0
    return onBoth(stage, async (target) => {
      round += 1
      using client = await target.openClient([scopeOf(repository)])
      const work = Array.from({ length: scaled(manifests, options) }, (_, number) => {
        const tag = `round-${round}-${number}`
        return { tag, manifest: makeManifest(image.config, image.layers, tag) }
      })
      const put = ({ tag, manifest }: (typeof work)[number]) =>
        putManifest(client, { repository, tag }, manifest)
      return rateSample(await timeAll(work, atOnce, put))
    })
  },
}
