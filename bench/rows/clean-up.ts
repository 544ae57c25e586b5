import { openFilling } from '../database-filling.ts'
import { makeBlobFiles } from '../folder-filling.ts'
import { newImage, pushImage } from '../images.ts'
import { runJob, setSetting } from '../jobs.ts'
import { measureGets } from '../load.ts'
import { watchLoop } from '../loop-delay.ts'
import type { BenchOptions } from '../options.ts'
import { formatCount, type Row, type Sample, type Stage, scaled } from '../row.ts'
import { openEntrepot, scopeOf, type Target } from '../servers.ts'
import { medianOf } from '../timing.ts'
import { manifestType } from '../uploads.ts'

const unreferenced = 100_000
const stored = 1_000_000
const connections = 32
const pulled = 'main/bench/pulled'

/** Blobs that nothing refers to, each a file, are freed while manifests are pulled. */
export const cleanUp: Row = {
  name: 'clean-up',
  title: (options) =>
    `clean-up of ${formatCount(scaled(unreferenced, options))} blobs on disk, while ${connections} pull`,
  unit: 's',
  better: 'less',
  maxRounds: 1,
  aims: [{ figure: 'value', relation: '<=', bound: 60 }],
  async prepare(stage) {
    const entrepot = await openWithGarbage(stage)
    return {
      entrepot: () =>
        watchLoop(entrepot, async () => {
          const { seconds } = await pullWhileCleaning(entrepot, stage.options)
          return { value: seconds }
        }),
    }
  },
}

export const pullsWhileCleaning: Row = {
  name: 'pulls-while-cleaning',
  title: (options) =>
    `manifest GET, ${connections} connections, while ${formatCount(scaled(unreferenced, options))} blobs are freed`,
  unit: 'ms (median)',
  better: 'less',
  baseline: () => 'without clean-up',
  maxRounds: 1,
  aims: [
    { figure: 'times baseline', relation: '<=', bound: 1.25 },
    { figure: 'p99 times baseline', relation: '<=', bound: 2 },
  ],
  async prepare(stage) {
    const entrepot = await openWithGarbage(stage)
    await pull(entrepot, stage.options)
    return {
      baseline: () => watchLoop(entrepot, () => pull(entrepot, stage.options)),
      entrepot: () =>
        watchLoop(entrepot, async () => (await pullWhileCleaning(entrepot, stage.options)).pulls),
    }
  },
}

/** What clean-up costs where there is nothing to clean: by what changed, not by what is stored. */
export const cleanUpIdle: Row = {
  name: 'clean-up-idle',
  title: (options) => `clean-up of ${formatCount(scaled(stored, options))} blobs, nothing to do`,
  unit: 's',
  better: 'less',
  aims: [{ figure: 'value', relation: '<=', bound: 2 }],
  async prepare({ options, keep }) {
    const entrepot = keep(
      await openEntrepot(options, (file) => {
        using filling = openFilling(file)
        filling.addBlobs('bench/blobs', scaled(stored, options))
      }),
    )
    return {
      entrepot: async () => ({ value: await runJob(entrepot, 'FeedCleanup', 'main') }),
    }
  },
}

async function openWithGarbage({ options, keep }: Stage): Promise<Target> {
  const entrepot = keep(
    await openEntrepot(options, (file) => {
      using filling = openFilling(file)
      makeBlobFiles(file, filling.addGarbage('bench/garbage', scaled(unreferenced, options)))
    }),
  )
  await setSetting(entrepot, 'Cleanup.GraceSeconds', '0')
  using client = await entrepot.openClient([scopeOf(pulled)])
  await pushImage(client, pulled, newImage('latest'))
  return entrepot
}

async function pullWhileCleaning(
  entrepot: Target,
  options: BenchOptions,
): Promise<{ readonly seconds: number; readonly pulls: Sample }> {
  let isOver = false
  const cleaning = runJob(entrepot, 'FeedCleanup', 'main').finally(() => {
    isOver = true
  })
  // What fails is thrown below, not before anybody waits for it.
  cleaning.catch(() => {})
  const looks: Sample[] = []
  while (!isOver) looks.push(await pull(entrepot, options))
  const pulls = {
    value: medianOf(looks.map(({ value }) => value)),
    p99Ms: medianOf(looks.map(({ p99Ms = Number.NaN }) => p99Ms)),
  }
  return { seconds: await cleaning, pulls }
}

async function pull(entrepot: Target, { seconds }: BenchOptions): Promise<Sample> {
  using client = await entrepot.openClient([scopeOf(pulled)])
  const { authorization } = client
  const { p99Ms = Number.NaN, besides } = await measureGets({
    url: `${entrepot.url}/v2/${pulled}/manifests/latest`,
    ...{ connections, seconds, accept: manifestType, authorization },
  })
  return { value: besides?.p50Ms ?? Number.NaN, p99Ms }
}
