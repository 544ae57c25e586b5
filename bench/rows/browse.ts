import { adminPassword } from '../../test/support/process.ts'
import {
  ask,
  basicAuthorization,
  expectStatus,
  type RegistryClient,
} from '../../test/support/registry-client.ts'
import { openFilling, repositoryName, tagName } from '../database-filling.ts'
import { watchLoop } from '../loop-delay.ts'
import type { BenchOptions } from '../options.ts'
import { formatCount, type Row, type Sample, scaled } from '../row.ts'
import { openEntrepot, type Target } from '../servers.ts'
import { latencySample, percentileOf, timeUntil } from '../timing.ts'

const connections = 4
const sizes = { repositories: 1000, tags: 100_000 }

const size = (which: keyof typeof sizes, options: BenchOptions) =>
  Math.max(200, scaled(sizes[which], options))

/** What one page of the pages asks the server for. */
interface Asked {
  readonly name: string
  readonly path: (number: (below: number) => number) => string
}

const tags = '/api/containers/tags/list?feed=main&repo=bench/many'

/** From anywhere in the lists, and the worst that can be asked of them: a word that nothing has. */
function pagesOf(count: number): readonly Asked[] {
  return [
    { name: 'registries', path: () => '/api/containers/registries/list' },
    { name: 'repositories', path: () => '/api/containers/repositories/list?feed=main' },
    {
      name: 'repositories by push',
      path: () => '/api/containers/repositories/list?feed=main&sort=pushed',
    },
    {
      name: 'repositories, no such name',
      path: () => '/api/containers/repositories/list?feed=main&search=zzz',
    },
    { name: 'tags', path: (number) => `${tags}&after=${tagName.of(number(count))}` },
    {
      name: 'tags by version',
      path: (number) => `${tags}&sort=version&after=${tagName.of(number(count))}`,
    },
    { name: 'tags by push', path: () => `${tags}&sort=pushed` },
    { name: 'tags, a part of a name', path: (number) => `${tags}&search=${number(10_000)}` },
    { name: 'tags, no such name', path: () => `${tags}&search=zzz` },
    { name: 'tags of no platform', path: () => `${tags}&platform=plan9/mips` },
    {
      name: 'untagged, none',
      path: () => '/api/containers/images/untagged?feed=main&repo=bench/many',
    },
    {
      name: 'search for a tag',
      path: (number) => `/api/containers/search?q=${tagName.of(number(count)).slice(0, 6)}`,
    },
    { name: 'search for nothing', path: () => '/api/containers/search?q=abcdef123456' },
  ]
}

/** Every list that the pages show, one after another: among many repositories and many tags. */
export const browsePages: Row = {
  name: 'browse-pages',
  title: (options) =>
    `data of a page, ${formatCount(size('repositories', options))} repositories, ${formatCount(size('tags', options))} tags in one`,
  unit: 'ms (median)',
  better: 'less',
  aims: [
    { figure: 'p99 ms', relation: '<=', bound: 100 },
    { figure: 'loop p99 ms', relation: '<=', bound: 20 },
  ],
  async prepare({ options, keep }) {
    const count = size('tags', options)
    const target = keep(
      await openEntrepot(options, (file) => {
        using filling = openFilling(file)
        filling.addRepositories(repositoryName, size('repositories', options))
        filling.addTaggedManifests('bench/many', count)
      }),
    )
    const measure = () => askAll(target, pagesOf(count), options.seconds)
    await measure()
    return { entrepot: () => watchLoop(target, measure) }
  },
}

async function askAll(target: Target, pages: readonly Asked[], seconds: number): Promise<Sample> {
  using client = await target.openClient([])
  const asAdmin: RegistryClient = {
    ...client,
    authorization: basicAuthorization('Admin', adminPassword),
  }
  const eachMs: number[] = []
  const besides: Record<string, number> = {}
  for (const { name, path } of pages) {
    const timing = await timeUntil(seconds / pages.length, connections, async () => {
      const reply = await ask(asAdmin, {
        ...{ method: 'GET', discardBody: true },
        path: path((below) => Math.floor(Math.random() * below)),
      })
      expectStatus(reply, 200, name)
    })
    eachMs.push(...timing.eachMs)
    besides[`${name}, p50 ms`] = percentileOf(timing.eachMs, 50)
    besides[`${name}, p99 ms`] = percentileOf(timing.eachMs, 99)
  }
  return { ...latencySample({ seconds, eachMs }), besides }
}
