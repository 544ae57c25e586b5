import { newContent } from '../contents.ts'
import { download } from '../downloads.ts'
import { formatSize, nothingToDispose, type Row, scaled, timeAll } from '../row.ts'
import { pushInPatch } from '../uploads.ts'

const repository = 'main/bench/blob-get'

interface Shape {
  readonly name: string
  readonly sizeBytes: number
  readonly connections: number
  /** On each connection, in one measurement. */
  readonly times: number
  readonly aim: number
}

function blobGet(shape: Shape): Row {
  return {
    name: shape.name,
    title: (options) =>
      `blob GET ${formatSize(scaled(shape.sizeBytes, options))}, ${shape.connections} at once`,
    unit: 'MiB/s',
    aim: shape.aim,
    async prepare({ entrepot, peer }, options) {
      const content = newContent(scaled(shape.sizeBytes, options))
      for (const target of [entrepot, peer]) {
        using client = await target.openClient([repository])
        await pushInPatch(client, repository, content)
      }
      const readers = Array.from({ length: shape.connections }, (_, number) => number)
      return {
        ...nothingToDispose,
        measure: async (target) => {
          using client = await target.openClient([repository])
          const what = {
            url: `${target.url}/v2/${repository}/blobs/${content.digest}`,
            authorization: client.authorization,
            sizeBytes: content.sizeBytes,
            times: shape.times,
          }
          const seconds = await timeAll(readers, readers.length, () => download(what))
          return (content.sizeBytes * shape.times * readers.length) / 2 ** 20 / seconds
        },
      }
    },
  }
}

export const blobGetLarge = blobGet({
  name: 'blob-get-1g',
  sizeBytes: 1 << 30,
  connections: 1,
  times: 2,
  aim: 1,
})

export const blobGetSmall = blobGet({
  name: 'blob-get-1m',
  sizeBytes: 1 << 20,
  connections: 16,
  times: 150,
  aim: 2.5,
})
