import { ask, expectStatus } from '../../test/support/registry-client.ts'
import { newContent } from '../contents.ts'
import { nothingToDispose, type Row, scaled, timeAll } from '../row.ts'
import { pushInPut } from '../uploads.ts'

const source = 'main/bench/mount-source'
const atOnce = 8
const mounts = 400

/** Blobs of one repository, each mounted into a new one. */
export const mount: Row = {
  name: 'mount',
  title: (options) => `mount, ${scaled(mounts, options)} blobs, ${atOnce} at once`,
  unit: 'mounts/s',
  aim: 4,
  async prepare({ entrepot, peer }, options) {
    const contents = Array.from({ length: scaled(mounts, options) }, () => newContent(1000))
    for (const target of [entrepot, peer]) {
      using client = await target.openClient([source])
      await timeAll(contents, atOnce, (content) => pushInPut(client, source, content))
    }
    let round = 0
    return {
      ...nothingToDispose,
      measure: async (target) => {
        round += 1
        const repository = `main/bench/mount-target-${round}`
        using client = await target.openClient([repository, source])
        const seconds = await timeAll(contents, atOnce, async ({ digest }) => {
          const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(source)}`
          const path = `/v2/${repository}/blobs/uploads/?${query}`
          const reply = await ask(client, {
            method: 'POST',
            path,
            headers: { 'content-length': 0 },
          })
          expectStatus(reply, 201, 'mount')
        })
        return contents.length / seconds
      },
    }
  },
}
