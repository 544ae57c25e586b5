import { ask, expectStatus } from '../../test/support/registry-client.ts'
import { openFilling, repositoryName, tagName } from '../database-filling.ts'
import { makeRepositoryFolders, makeTagFolders } from '../folder-filling.ts'
import { watchLoop } from '../loop-delay.ts'
import type { BenchOptions } from '../options.ts'
import { formatCount, type Row, type Sample, scaled } from '../row.ts'
import { openEntrepot, openPeer, scopeOf, type Target } from '../servers.ts'
import { latencySample, timeUntil } from '../timing.ts'

const pageSize = 100
const connections = 4
const bounds = { few: 1000, many: 100_000 }

/** As scaled, but never so few that there is no page after the first. */
function sizeOf(which: keyof typeof bounds, options: BenchOptions): number {
  return Math.max(2 * pageSize, scaled(bounds[which], options))
}

const aims: Row['aims'] = [
  { figure: 'p99 ms', relation: '<=', bound: 10 },
  { figure: 'p99 times baseline', relation: '<=', bound: 1.5 },
]

/** Pages of tags from anywhere in a repository of many, and in one of few. */
export const tagsPage: Row = {
  name: 'tags-page',
  title: (options) => `tags page of ${pageSize} of ${formatCount(sizeOf('many', options))}`,
  unit: 'ms (median)',
  better: 'less',
  baseline: (options) => `of ${formatCount(sizeOf('few', options))}`,
  aims,
  async prepare({ options, keep }) {
    const sizes = { few: sizeOf('few', options), many: sizeOf('many', options) }
    const entrepot = keep(
      await openEntrepot(options, (file) => {
        using filling = openFilling(file)
        filling.addTaggedManifests('bench/few', sizes.few)
        filling.addTaggedManifests('bench/many', sizes.many)
      }),
    )
    const peer = keep(
      await openPeer(options, (folder) =>
        makeTagFolders(`${folder}/main/bench/many`, tagName, sizes.many),
      ),
    )
    const measure = (target: Target, which: keyof typeof sizes) =>
      askPages(target, {
        ...{ scope: scopeOf(`main/bench/${which}`), seconds: options.seconds },
        path: `/v2/main/bench/${which}/tags/list`,
        lastOf: () => tagName.of(anyBefore(sizes[which])),
      })
    await measure(entrepot, 'many')
    return {
      entrepot: () => watchLoop(entrepot, () => measure(entrepot, 'many')),
      baseline: () => measure(entrepot, 'few'),
      'docker-registry': () => measure(peer, 'many'),
    }
  },
}

/** Pages of the catalog from anywhere among many repositories, and among few. */
export const catalogPage: Row = {
  name: 'catalog-page',
  title: (options) => `catalog page of ${pageSize} of ${formatCount(sizeOf('many', options))}`,
  unit: 'ms (median)',
  better: 'less',
  baseline: (options) => `of ${formatCount(sizeOf('few', options))}`,
  aims,
  async prepare({ options, keep }) {
    const sizes = { few: sizeOf('few', options), many: sizeOf('many', options) }
    const open = (which: keyof typeof sizes) =>
      openEntrepot(options, (file) => {
        using filling = openFilling(file)
        filling.addRepositories(repositoryName, sizes[which])
      })
    const [many, few] = [keep(await open('many')), keep(await open('few'))]
    const peer = keep(
      await openPeer(options, (folder) =>
        makeRepositoryFolders(`${folder}/main`, repositoryName, sizes.many),
      ),
    )
    const measure = (target: Target, size: number) =>
      askPages(target, {
        ...{ scope: 'registry:catalog:*', seconds: options.seconds, path: '/v2/_catalog' },
        lastOf: () => `main/${repositoryName.of(anyBefore(size))}`,
      })
    await measure(many, sizes.many)
    await measure(few, sizes.few)
    return {
      entrepot: () => watchLoop(many, () => measure(many, sizes.many)),
      baseline: () => measure(few, sizes.few),
      'docker-registry': () => measure(peer, sizes.many),
    }
  },
}

/** A number that leaves room for a whole page after it, in lists sorted by number. */
function anyBefore(size: number): number {
  return Math.floor(Math.random() * (size - pageSize))
}

interface Pages {
  readonly scope: string
  readonly path: string
  /** After what the next page begins. */
  readonly lastOf: () => string
  readonly seconds: number
}

async function askPages(target: Target, pages: Pages): Promise<Sample> {
  using client = await target.openClient([pages.scope])
  const timing = await timeUntil(pages.seconds, connections, async () => {
    const query = new URLSearchParams({ n: `${pageSize}`, last: pages.lastOf() })
    const path = `${pages.path}?${query}`
    const reply = await ask(client, { method: 'GET', path, discardBody: true })
    expectStatus(reply, 200, `GET ${path}`)
    // A name has some ten letters: less is no page.
    if (reply.bodyBytes < 500) throw new Error(`${path} is no whole page: ${reply.bodyBytes} bytes`)
  })
  return { ...latencySample(timing), besides: { pages: timing.eachMs.length } }
}
