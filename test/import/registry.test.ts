import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen, serve, tableOf } from '../backup/backups.ts'
import { seed } from '../connectors/stage.ts'
import { makeCertificates } from '../support/certificates.ts'
import { artifact, descriptor, image, index } from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { type Distribution, startDistribution } from '../support/distribution.ts'
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts'
import { imageOf } from '../support/layers.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { needs } from '../support/require.ts'
import { startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import {
  anonymous,
  expectBlobs,
  expectPulled,
  expectSound,
  makeDataFolder,
  nothingCopied,
  runImport,
  skippedOf,
} from './imports.ts'
import { openPagedRegistry } from './paged-registry.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
const openssl = needs({ program: 'openssl', package: 'openssl' })
const folder = makeTemporaryFolder('import-wire')
const below = (name: string) => path.join(folder.path, name)

afterAll(() => folder[Symbol.asyncDispose]())

const bcryptOfSecret = '$2y$05$q30bV6vG5W3X5JN9hxWd7O8Fi3DlNlDy602sd5bJ/ZaPblZ9pK0iO'

test('pages, tokens that expire and requests that must wait', async () => {
  const [one, two, three] = [image('one'), image('two'), image('three')]
  const images = { 'a/one': { '1': one, '2': two }, b: { '1': two }, c: { '1': three } }
  await using paged = await openPagedRegistry({ images, answersAToken: 3, busy: 2 })
  const config = await makeDataFolder(below('paged'))
  const done = await runImport(config, { from: paged.url, order: { prefix: 'from' } })
  expect([skippedOf(done), done.failure]).toEqual([[], null])
  expect(done.counts).toMatchObject({ repositories: 3, manifests: 4, tags: 4 })
  expect(paged.tokens()).toBeGreaterThan(3)
  // It has no referrers, and is asked for them once or twice, not for each image.
  expect(paged.requests.filter((each) => each.includes('/referrers/')).length).toBeLessThan(5)
  const again = await runImport(config, { from: paged.url, order: { prefix: 'from' } })
  expect(again.counts).toMatchObject({ ...nothingCopied, manifestsThere: 4, tagsThere: 4 })
})

test('a list of referrers that leads in a circle ends', async () => {
  const [one, two] = [image('one'), image('two')]
  const referrers = [one.manifest.digest, two.manifest.digest]
  const images = { a: { '1': one, '2': two } }
  await using paged = await openPagedRegistry({ images, answersAToken: 999, busy: 0, referrers })
  const config = await makeDataFolder(below('circle'))
  const done = await runImport(config, { from: paged.url })
  expect(done.counts).toMatchObject({ manifests: 2, tags: 2 })
})

test('an index that refers to what it lists does not wait for itself', async () => {
  const one = image('listed')
  const list = index([descriptor(one.manifest)], { subject: descriptor(one.manifest) })
  const images = { a: { '1': one, '2': { ...one, manifest: list, blobs: [] } } }
  const referrers = [list.digest]
  await using paged = await openPagedRegistry({ images, answersAToken: 999, busy: 0, referrers })
  const config = await makeDataFolder(below('itself'))
  const done = await runImport(config, { from: paged.url })
  expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 2, tags: 2 }])
})

test('what only the list of referrers knows comes along, and of whom they are', async () => {
  await using source = await startServer()
  const table = tableOf(source)
  const [amd64, arm64] = [image('amd64'), image('arm64', { algorithm: 'sha512' })]
  const top = index([descriptor(amd64.manifest), descriptor(arm64.manifest)])
  const signature = artifact('sig', 'application/x-sig', { subject: descriptor(top) })
  const sbom = artifact('sbom', 'application/x-sbom', { subject: descriptor(amd64.manifest) })
  const signed = artifact('signed', 'application/x-sig', { subject: descriptor(sbom.manifest) })
  for (const each of [amd64, arm64, sbom, signed]) await pushImage(table, 'main/team/app', each)
  await pushManifest(table, 'main/team/app', top, '1')
  await pushImage(table, 'main/team/app', signature)
  const config = await makeDataFolder(below('referrers'))
  const passwordless = await runImport(config, { from: source.url }).catch((error) => error)
  expect(String(passwordless.failure ?? passwordless)).toMatch(/repositor|token|refuses/)
  const access = { ...anonymous, username: 'Admin', password: source.adminPassword }
  const done = await runImport(config, { from: source.url, source: { access } })
  expect([skippedOf(done), done.failure]).toEqual([[], null])
  expect(done.counts).toMatchObject({ manifests: 6, tags: 1 })
  const prefixed = await runImport(config, {
    ...{ from: `${source.url}/main`, source: { access } },
    selection: { include: ['team/*'] },
  })
  expect(prefixed.counts).toMatchObject({ manifests: 6, shared: 10, copied: 0 })
  await using server = await serve(config.dataDir)
  const name = 'main/main/team/app'
  await expectPulled(server, [
    { name, reference: '1', manifest: top },
    ...[amd64, arm64, signature, sbom, signed].map(({ manifest }) => {
      return { name, reference: manifest.digest, manifest }
    }),
  ])
  await expectBlobs(server, name, [...amd64.blobs, ...arm64.blobs])
})

describeWith(
  'docker-registry with a login and an authority of its own',
  [registry.reason, openssl.reason],
  () => {
    test('lets in who has both', async () => {
      const certificates = await makeCertificates(folder.path)
      // `htpasswd -Bbn user secret`
      const htpasswdFile = below('htpasswd')
      writeFileSync(htpasswdFile, `user:${bcryptOfSecret}\n`)
      await using distribution = await startDistribution(registry.file, below('login'), {
        ...{ certificates, htpasswdFile },
      })
      const config = await makeDataFolder(below('login-data'))
      const caCertificate = readFileSync(certificates.caFile, 'utf8')
      const access = { ...anonymous, username: 'user', password: 'wrong', caCertificate }
      const refused = async (source: object) =>
        await runImport(config, { from: distribution.url, source }).then(
          ({ failure }) => failure?.message,
          (error: Error) => error.message,
        )
      expect(await refused({ access: { ...access, caCertificate: null } })).toContain('TLS')
      expect(await refused({ access })).toContain('refuses the user name or the password')
      expect(await refused({ access: { ...anonymous, caCertificate } })).toContain('wants a user')
      const right = { access: { ...access, password: 'secret' } }
      const done = await runImport(config, { from: distribution.url, source: right })
      expect([done.failure, done.counts.repositories]).toEqual([null, 0])
    })
  },
)

describeWith('docker-registry behind a bad connection', [registry.reason], () => {
  let distribution: Distribution
  let proxy: FaultProxy
  const large = imageOf([{ bytes: randomBytes(12_000_000) }])
  const small = image('small')

  beforeAll(async () => {
    distribution = await startDistribution(registry.file, below('upstream'))
    proxy = await openFaultProxy(distribution.url)
    await seed(distribution.url, 'large', { image: large, tags: ['1'] })
    await seed(distribution.url, 'small', { image: small, tags: ['1', '2', 'x'] })
  }, 60_000)
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await distribution[Symbol.asyncDispose]()
  })

  test('a layer goes on where the connection broke, and where a run was called off', async () => {
    const config = await makeDataFolder(below('resumed'))
    proxy.setFault({ kind: 'drop', afterBytes: 5_000_000, times: 1 }, /blobs/)
    const stop = new AbortController()
    const report = listen(stop.signal)
    const counted = report.count
    Object.assign(report, {
      count(what: string, by: number) {
        counted(what, by)
        if ((report.counts.get('bytesCopied') ?? 0) > 9_000_000) stop.abort()
      },
    })
    const cut = await runImport(config, { from: proxy.url, report })
    expect(cut.failure?.message).toContain('called off')
    expect(proxy.headersOf(/blobs/)?.range).toMatch(/^bytes=[1-9]\d{5,}-$/)
    proxy.setFault(null)
    const rest = await runImport(config, { from: proxy.url })
    expect([skippedOf(rest), rest.failure]).toEqual([[], null])
    expect(rest.counts.bytesCopied).toBeLessThan(6_000_000)
    const ranges = proxy.headersOf(new RegExp(`blobs/${large.layers[0]?.digest}`))
    expect(ranges?.range).toMatch(/^bytes=[1-9]\d{5,}-$/)
    await expectSound(config.dataDir)
    await using server = await serve(config.dataDir)
    await expectBlobs(server, 'main/large', large.blobs)
  })

  test('one layer that cannot be had is skipped; a registry that is gone ends the run', async () => {
    const config = await makeDataFolder(below('broken'))
    const [layer] = small.layers
    const headers = { 'retry-after': '1' }
    proxy.setFault({ kind: 'status', status: 500, headers }, new RegExp(`blobs/${layer?.digest}`))
    const selection = { repositories: ['small'], tags: ['1'] }
    const skipped = await runImport(config, { from: proxy.url, selection })
    expect(skipped.reasons).toEqual({ unreadable: 1, incomplete: 2 })
    proxy.setFault({ kind: 'wrongBytes' }, new RegExp(`blobs/${layer?.digest}`))
    const wrong = await runImport(config, { from: proxy.url, selection })
    expect(wrong.reasons).toEqual({ damaged: 1, incomplete: 2 })
    proxy.setFault({ kind: 'status', status: 500, headers }, /./)
    await expect(runImport(config, { from: proxy.url, selection })).rejects.toThrow('500')
    proxy.setFault(null)
    expect((await runImport(config, { from: proxy.url, selection })).counts).toMatchObject({
      ...{ manifests: 1, tags: 1, copied: 1, alreadyThere: 2 },
    })
  })

  test('only what is asked for is asked for; a dry run fetches no layer', async () => {
    const config = await makeDataFolder(below('picked'))
    const before = proxy.requests.length
    const selection = { repositories: ['small'], tags: ['1'], excludeTags: ['x'] }
    const dry = await runImport(config, { from: proxy.url, selection, isDryRun: true })
    expect(dry.counts).toMatchObject({ manifests: 1, tags: 1, copied: 3, tagsLeftOut: 2 })
    const sizes = small.blobs.reduce((sum, { size }) => sum + size, 0)
    expect(dry.counts.bytesCopied).toBe(sizes)
    const asked = proxy.requests.slice(before).join('\n')
    expect(asked).not.toMatch(/_catalog|blobs|large/)
  })

  test('no more is read than the rate allows', async () => {
    const config = await makeDataFolder(below('rate'))
    const stop = new AbortController()
    const report = listen(stop.signal)
    const startedAt = performance.now()
    setTimeout(() => stop.abort(), 700)
    const bytesPerSecond = 1_000_000
    const selection = { repositories: ['large'] }
    await runImport(config, { from: proxy.url, report, bytesPerSecond, selection })
    const seconds = (performance.now() - startedAt) / 1000
    // A second's worth may have been saved up, and a piece is on its way.
    const most = (seconds + 1) * bytesPerSecond + 300_000
    expect(report.counts.get('bytesCopied')).toBeLessThan(Math.min(most, 12_000_000))
  })
})
