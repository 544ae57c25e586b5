import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen, serve } from '../backup/backups.ts'
import { describeWith } from '../support/describe-with.ts'
import { type Distribution, startDistribution } from '../support/distribution.ts'
import { seededRandom } from '../support/random.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { makeFleet, pulledOf, pushFleet } from './fleet.ts'
import {
  expectPulled,
  expectSound,
  makeDataFolder,
  nothingCopied,
  runImport,
  skippedOf,
} from './imports.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const fleet = makeFleet(`fleet ${seed}`, { singles: 400, indexes: 50, repositories: 10 })

describeWith(
  `500 images of Debian's docker-registry (seed ${seed})`,
  [registry.reason],
  () => {
    const folder = makeTemporaryFolder('import-many')
    const below = (name: string) => path.join(folder.path, name)
    const random = seededRandom(seed)
    let distribution: Distribution

    beforeAll(async () => {
      distribution = await startDistribution(registry.file, below('distribution'))
      await pushFleet(distribution.url, fleet)
    }, 120_000)
    afterAll(async () => {
      await distribution?.[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    })

    /** Byte for byte, with the referrers listed as such. */
    async function expectAll(dataDir: string, without: ReadonlySet<string> = new Set()) {
      await expectSound(dataDir)
      await using server = await serve(dataDir)
      const all = pulledOf(fleet, 'main').filter(({ manifest }) => !without.has(manifest.digest))
      await expectPulled(server, all)
      const [subject = '', referrer = ''] = [...fleet.referrers][0] ?? []
      const headers = { authorization: server.admin }
      const list = await fetch(`${server.url}/v2/main/team0/app0/referrers/${subject}`, { headers })
      const { manifests } = (await list.json()) as { manifests: { digest: string }[] }
      expect(manifests.map(({ digest }) => digest)).toEqual([referrer])
    }

    test('come from its folder, linked; a second run copies nothing', async () => {
      const from = below('distribution/data')
      const config = await makeDataFolder(below('folder'))
      const stop = new AbortController()
      const at = random.between(50, 400)
      const report = listen(stop.signal)
      const count = report.count.bind(report)
      Object.assign(report, {
        count(what: string, by: number) {
          count(what, by)
          if (report.counts.get('manifests') === at) stop.abort()
        },
      })
      const cut = await runImport(config, { from, report })
      expect(cut.failure?.message).toContain('called off')
      const first = await runImport(config, { from })
      expect(skippedOf(first)).toEqual([])
      const { counts } = first
      expect(counts.manifests + counts.manifestsThere).toBe(650)
      expect(counts.manifestsThere).toBeGreaterThanOrEqual(at)
      expect(counts).toMatchObject({ copied: 0, bytesCopied: 0, repositories: 10 })
      const again = await runImport(config, { from })
      expect(again).toMatchObject({ failure: null, skipped: [] })
      expect(again.counts).toMatchObject({ ...nothingCopied, manifestsThere: 650 })
      await expectAll(config.dataDir)
    })

    test('come over the wire, while it runs; a second run copies nothing', async () => {
      const config = await makeDataFolder(below('wire'))
      const first = await runImport(config, { from: distribution.url })
      expect([skippedOf(first), first.failure]).toEqual([[], null])
      // What has no tag, and is in no index, a registry does not tell.
      expect(first.counts).toMatchObject({ manifests: 610, linked: 0, repositories: 10 })
      const again = await runImport(config, { from: distribution.url })
      expect(again.counts).toMatchObject({ ...nothingCopied, manifestsThere: 610 })
      const lost = fleet.waves[0]?.filter(({ tag }) => tag === null).slice(0, 40) ?? []
      await expectAll(config.dataDir, new Set(lost.map(({ manifest }) => manifest.digest)))
    })
  },
  180_000,
)
