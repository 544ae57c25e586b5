import { newContent } from '../contents.ts'
import { download } from '../downloads.ts'
import { formatSize, onBoth, type Row, scaled } from '../row.ts'
import { scopeOf } from '../servers.ts'
import { percentileOf, timeAll } from '../timing.ts'
import { pushInPatch } from '../uploads.ts'

const repository = 'main/bench/blob-get'

interface Shape {
  readonly name: string
  readonly sizeBytes: number
  readonly connections: number
  /** On each connection, in one measurement. */
  readonly times: number
  readonly timesPeer: number
}

function blobGet(shape: Shape): Row {
  return {
    name: shape.name,
    title: (options) =>
      `blob GET ${formatSize(scaled(shape.sizeBytes, options))}, ${shape.connections} at once`,
    unit: 'MiB/s',
    better: 'more',
    aims: [{ figure: 'times the peer', relation: '>=', bound: shape.timesPeer }],
    async prepare(stage) {
      const { options } = stage
      const content = newContent(scaled(shape.sizeBytes, options))
      for (const target of [stage.entrepot, stage.peer]) {
        using client = await target.openClient([scopeOf(repository)])
        await pushInPatch(client, repository, content)
      }
      const readers = Array.from({ length: shape.connections }, (_, number) => number)
      return onBoth(stage, async (target) => {
        using client = await target.openClient([scopeOf(repository)])
        const what = {
          url: `${target.url}/v2/${repository}/blobs/${content.digest}`,
          authorization: client.authorization,
          sizeBytes: content.sizeBytes,
          times: shape.times,
        }
        const eachMs: number[] = []
        const { seconds } = await timeAll(readers, readers.length, async () => {
          eachMs.push(...(await download(what)))
        })
        const value = (content.sizeBytes * eachMs.length) / 2 ** 20 / seconds
        return { value, p99Ms: percentileOf(eachMs, 99) }
      })
    },
  }
}

export const blobGetLarge = blobGet({
  name: 'blob-get-1g',
  sizeBytes: 1 << 30,
  connections: 1,
  times: 2,
  timesPeer: 1,
})

export const blobGetSmall = blobGet({
  name: 'blob-get-1m',
  sizeBytes: 1 << 20,
  connections: 16,
  times: 150,
  timesPeer: 2.5,
})
