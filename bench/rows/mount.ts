import { ask, expectStatus } from '../../test/support/registry-client.ts'
import { newContent } from '../contents.ts'
import { onBoth, type Row, scaled } from '../row.ts'
import { scopeOf } from '../servers.ts'
import { rateSample, timeAll } from '../timing.ts'
import { pushInPut } from '../uploads.ts'

const source = 'main/bench/mount-source'
const atOnce = 8
const mounts = 400

/** Blobs of one repository, each mounted into a new one. */
export const mount: Row = {
  name: 'mount',
  title: (options) => `mount, ${scaled(mounts, options)} blobs, ${atOnce} at once`,
  unit: 'mounts/s',
  better: 'more',
  aims: [{ figure: 'times the peer', relation: '>=', bound: 4 }],
  async prepare(stage) {
    const { options } = stage
    const contents = Array.from({ length: scaled(mounts, options) }, () => newContent(1000))
    for (const target of [stage.entrepot, stage.peer]) {
      using client = await target.openClient([scopeOf(source)])
      await timeAll(contents, atOnce, (content) => pushInPut(client, source, content))
    }
    let round = 0
    return onBoth(stage, async (target) => {
      round += 1
      const repository = `main/bench/mount-target-${round}`
      using client = await target.openClient([scopeOf(repository), scopeOf(source)])
      const timing = await timeAll(contents, atOnce, async ({ digest }) => {
        const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(source)}`
        const path = `/v2/${repository}/blobs/uploads/?${query}`
        const reply = await ask(client, {
          method: 'POST',
          path,
          headers: { 'content-length': 0 },
        })
        expectStatus(reply, 201, 'mount')
      })
      return rateSample(timing)
    })
  },
}
