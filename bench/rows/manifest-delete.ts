import { ask, expectStatus } from '../../test/support/registry-client.ts'
import { openFilling, tagName } from '../database-filling.ts'
import { makeTagFolders } from '../folder-filling.ts'
import { newImage, pushImage } from '../images.ts'
import { watchLoop } from '../loop-delay.ts'
import { formatCount, type Row, type Sample, scaled } from '../row.ts'
import { openEntrepot, openPeer, type Target } from '../servers.ts'
import { latencySample, timeAll } from '../timing.ts'

const repository = 'bench/many'
const scope = `repository:main/${repository}:pull,push,delete`
const tags = 100_000
/** In a round. The peer reads every tag of the repository for each, so one has to do. */
const deletions = { entrepot: 20, 'docker-registry': 1 }

/** One manifest after another is deleted by its digest from a repository of many tags. */
export const manifestDelete: Row = {
  name: 'manifest-delete',
  title: (options) => `manifest DELETE among ${formatCount(scaled(tags, options))} tags`,
  unit: 'ms (median)',
  better: 'less',
  aims: [{ figure: 'value', relation: '<=', bound: 20 }],
  async prepare({ options, keep }) {
    const count = scaled(tags, options)
    const digests: Record<Target['name'], string[]> = { entrepot: [], 'docker-registry': [] }
    const entrepot = keep(
      await openEntrepot(options, (file) => {
        using filling = openFilling(file)
        filling.addTaggedManifests(repository, count)
        digests.entrepot = filling.pickDigests(repository, options.rounds * deletions.entrepot)
      }),
    )
    const peer = keep(
      await openPeer(options, (folder) =>
        makeTagFolders(`${folder}/main/${repository}`, tagName, count),
      ),
    )
    for (let number = 0; number < options.rounds * deletions['docker-registry']; number++) {
      using client = await peer.openClient([scope])
      const image = newImage(`pushed-${number}`)
      await pushImage(client, `main/${repository}`, image)
      digests['docker-registry'].push(image.manifest.digest)
    }
    const measure = async (target: Target): Promise<Sample> => {
      using client = await target.openClient([scope])
      const round = digests[target.name].splice(0, deletions[target.name])
      const timing = await timeAll(round, 1, async (digest) => {
        const path = `/v2/main/${repository}/manifests/${digest}`
        expectStatus(await ask(client, { method: 'DELETE', path }), 202, `DELETE ${path}`)
      })
      return latencySample(timing)
    }
    return {
      entrepot: () => watchLoop(entrepot, () => measure(entrepot)),
      'docker-registry': () => measure(peer),
    }
  },
}
