import { newImage, pushImage } from '../images.ts'
import { onBoth, type Row, scaled } from '../row.ts'
import { scopeOf } from '../servers.ts'
import { rateSample, timeAll } from '../timing.ts'

const repository = 'main/bench/small-images'
const atOnce = 8
const images = 200

/** Whole images of a config and two layers, none of which is there yet. */
export const smallImages: Row = {
  name: 'small-images',
  title: (options) => `push ${scaled(images, options)} small images, ${atOnce} at once`,
  unit: 'images/s',
  better: 'more',
  aims: [{ figure: 'times the peer', relation: '>=', bound: 3 }],
  async prepare(stage) {
    const { options } = stage
    let round = 0
    return onBoth(stage, async (target) => {
      round += 1
      using client = await target.openClient([scopeOf(repository)])
      const work = Array.from({ length: scaled(images, options) }, (_, number) =>
        newImage(`round-${round}-${number}`),
      )
      const push = (image: (typeof work)[number]) => pushImage(client, repository, image)
      return rateSample(await timeAll(work, atOnce, push))
    })
  },
}
