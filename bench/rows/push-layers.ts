import { newContent } from '../contents.ts'
import { formatSize, onBoth, type Row, scaled } from '../row.ts'
import { scopeOf } from '../servers.ts'
import { timeAll } from '../timing.ts'
import { pushInPatch } from '../uploads.ts'

const repository = 'main/bench/push-layers'

interface Shape {
  readonly name: string
  readonly layers: number
  readonly sizeBytes: number
  readonly timesPeer: number
}

function pushLayers(shape: Shape): Row {
  return {
    name: shape.name,
    title: (options) =>
      `push ${shape.layers} x ${formatSize(scaled(shape.sizeBytes, options))} at once`,
    unit: 'MiB/s',
    better: 'more',
    aims: [{ figure: 'times the peer', relation: '>=', bound: shape.timesPeer }],
    async prepare(stage) {
      const { options } = stage
      const sizeBytes = scaled(shape.sizeBytes, options)
      return onBoth(stage, async (target) => {
        const contents = Array.from({ length: shape.layers }, () => newContent(sizeBytes))
        using client = await target.openClient([scopeOf(repository)])
        const push = (content: (typeof contents)[number]) =>
          pushInPatch(client, repository, content)
        const { seconds } = await timeAll(contents, contents.length, push)
        return { value: (sizeBytes * contents.length) / 2 ** 20 / seconds }
      })
    },
  }
}

export const pushLarge = pushLayers({
  name: 'push-1g',
  layers: 1,
  sizeBytes: 1 << 30,
  timesPeer: 1.1,
})

export const pushAtOnce = pushLayers({
  name: 'push-8x64m',
  layers: 8,
  sizeBytes: 64 << 20,
  timesPeer: 1,
})
