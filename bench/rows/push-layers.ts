import { newContent } from '../contents.ts'
import { formatSize, nothingToDispose, type Row, scaled, timeAll } from '../row.ts'
import { pushInPatch } from '../uploads.ts'

const repository = 'main/bench/push-layers'

interface Shape {
  readonly name: string
  readonly layers: number
  readonly sizeBytes: number
  readonly aim: number
}

function pushLayers(shape: Shape): Row {
  return {
    name: shape.name,
    title: (options) =>
      `push ${shape.layers} x ${formatSize(scaled(shape.sizeBytes, options))} at once`,
    unit: 'MiB/s',
    aim: shape.aim,
    async prepare(_targets, options) {
      const sizeBytes = scaled(shape.sizeBytes, options)
      return {
        ...nothingToDispose,
        measure: async (target) => {
          const contents = Array.from({ length: shape.layers }, () => newContent(sizeBytes))
          using client = await target.openClient([repository])
          const push = (content: (typeof contents)[number]) =>
            pushInPatch(client, repository, content)
          const seconds = await timeAll(contents, contents.length, push)
          return (sizeBytes * contents.length) / 2 ** 20 / seconds
        },
      }
    },
  }
}

export const pushLarge = pushLayers({ name: 'push-1g', layers: 1, sizeBytes: 1 << 30, aim: 1.1 })
export const pushAtOnce = pushLayers({ name: 'push-8x64m', layers: 8, sizeBytes: 64 << 20, aim: 1 })
