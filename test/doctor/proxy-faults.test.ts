import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { listApiKeys } from '../../server/auth/api-key.ts'
import { openDatabase } from '../../server/db/database.ts'
import { createFeed, listFeeds } from '../../server/registry/feeds.ts'
import { startApache, startCaddy } from '../proxies/proxy.ts'
import { needs } from '../support/require.ts'
import { startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { examine, faultsOf, type StageOptions, setStage } from './stage.ts'

const nginx = needs({ program: 'nginx', package: 'nginx', folders: ['/usr/sbin'] })
const apache = needs({ program: 'apache2', package: 'apache2', folders: ['/usr/sbin'] })
const caddy = needs({ program: 'caddy', package: 'caddy' })
const openssl = needs({ program: 'openssl', package: 'openssl' })
const missing = [nginx, apache, caddy, openssl].find(({ skip }) => skip)
const skipped = missing === undefined ? '' : ` (skipped: ${missing.reason})`

const folder = makeTemporaryFolder('doctor-proxy')
afterAll(() => folder[Symbol.asyncDispose]())

interface Case extends Omit<StageOptions, 'program' | 'folder'> {
  readonly fault: string
  /** Every one of them in one line: what was seen and what to do. */
  readonly named: readonly RegExp[]
}

const cases: readonly Case[] = [
  {
    fault: 'drops Authorization',
    edit: (block) =>
      block.replace('proxy_buffering off;', '$&\n proxy_set_header Authorization "";'),
    named: [
      /^error push and pull: the header Authorization: On the way by https:\/\/127\.0\.0\.1:\d+: .*401.*Entrepot itself, asked straight at http:\/\/127\.0\.0\.1:\d+, does it right/,
      /Let the proxy hand on the header Authorization/,
    ],
  },
  {
    fault: 'buffers requests',
    edit: (block) => block.replace('proxy_request_buffering off', 'proxy_request_buffering on'),
    named: [
      /^warning push and pull: a body as it comes: .*kept back until all is there/,
      /proxy_request_buffering off/,
    ],
  },
  {
    fault: 'limits bodies',
    edit: (block) => block.replace('client_max_body_size 0', 'client_max_body_size 1m'),
    named: [
      /^error push and pull: a large body: .*PATCH with a body of 2\.0 MiB is answered 413 \(by nginx/,
      /client_max_body_size 0/,
    ],
  },
  {
    fault: 'allows no DELETE',
    edit: (block) =>
      block.replace('location / {', '$& if ($request_method = DELETE) { return 405; }'),
    named: [
      /^error push and pull: a deletion: .*DELETE .* 405 \(by nginx/,
      /allow GET, HEAD, POST/,
    ],
  },
  {
    fault: 'compresses',
    edit: (block) => block.replace('location / {', 'gzip on; gzip_types *; gzip_proxied any; $&'),
    named: [/^error push and pull: a pull of the configuration: .*compressed/, /gzip off/],
  },
  {
    fault: 'rewrites Location',
    edit: (block) => block.replace('location / {', '$& proxy_redirect / http://inside:8624/;'),
    named: [
      /^error push and pull: an upload: .*sends clients on to http:\/\/inside:8624\//,
      /proxy_redirect off/,
    ],
  },
  {
    fault: 'has an expired certificate',
    certificateDays: -1,
    named: [/^error certificate: It expired on \d{4}-\d\d-\d\d/, /Renew it/],
  },
  {
    fault: 'has a certificate that soon expires',
    certificateDays: 20,
    named: [/^warning certificate: .*in (19|20) days/, /Renew it now/],
  },
]

describe.skipIf(missing !== undefined)(`the doctor beside a proxy${skipped}`, () => {
  test('finds nothing wrong with the documented one, and leaves nothing behind', async () => {
    await using stage = await setStage({
      program: nginx.file,
      folder: path.join(folder.path, 'fine'),
    })
    await using db = await openDatabase({ url: stage.server.config.databaseUrl })
    // As a look leaves it that was killed long ago.
    await createFeed(
      { db, storeId: 1, by: 'Entrepot' },
      {
        name: 'doctor-1000-0123456789ab',
        description: 'Of entrepot doctor: it goes when the probe has ended.',
      },
    )
    const findings = await examine(stage.server, { ca: stage.ca, bodyBytes: 40 * 1024 * 1024 })
    expect(faultsOf(findings)).toEqual([])
    const pushed = findings.find(({ name }) => name === 'push and pull')
    expect(pushed?.detail).toMatch(/^A small image went by https:.* and came back: 15 steps/)
    expect((await listFeeds(db)).map(({ name }) => name)).toEqual(['main'])
    expect((await listApiKeys({ db }, { count: 10 })).items).toEqual([])
  })

  test('finds nothing wrong where the proxy says what the address is, either', async () => {
    const place = path.join(folder.path, 'forwarded')
    await using stage = await setStage({ program: nginx.file, folder: place, baseUrl: null })
    const order = { url: stage.proxy.url, ca: stage.ca, only: ['address', 'push'] } as const
    expect(faultsOf(await examine(stage.server, order))).toEqual([])
  })

  test.for([
    ['Apache', apache, startApache],
    ['Caddy', caddy, startCaddy],
  ] as const)('finds nothing wrong with the documented %s', async ([name, { file }, start]) => {
    const place = path.join(folder.path, name)
    await using stage = await setStage({ program: file, start, folder: place })
    const findings = await examine(stage.server, { ca: stage.ca, only: ['address', 'push'] })
    expect(faultsOf(findings)).toEqual([])
  })

  test('does not know an authority that nobody named', async () => {
    await using stage = await setStage({
      program: nginx.file,
      folder: path.join(folder.path, 'ca'),
    })
    const [fault, ...more] = faultsOf(await examine(stage.server, { only: ['address'] }))
    expect(fault).toMatch(/^warning certificate: .*Test authority.*--ca FILE/)
    expect(more).toEqual([])
  })

  test.for(cases)('that $fault names it and what to do, and nothing else', async (planted) => {
    const { fault, named, ...options } = planted
    const place = path.join(folder.path, fault.replaceAll(' ', '-'))
    await using stage = await setStage({ program: nginx.file, folder: place, ...options })
    const faults = faultsOf(
      await examine(stage.server, { ca: stage.ca, only: ['address', 'push', 'clock'] }),
    )
    expect(faults).toHaveLength(1)
    for (const pattern of named) expect(faults[0]).toMatch(pattern)
  })

  test('that is not the one of the base URL is told from it', async () => {
    const baseUrl = 'https://registry.invalid:5443'
    const place = path.join(folder.path, 'wrong-name')
    await using stage = await setStage({ program: nginx.file, folder: place, baseUrl })
    const faults = faultsOf(await examine(stage.server, { only: ['address'] }))
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(
      /^error name server: .*registry\.invalid.*base URL https:\/\/registry\.invalid:5443.*ENTREPOT_BASE_URL/,
    )
    // The address that clients really use, tried in place of the configured one.
    const tried = faultsOf(
      await examine(stage.server, { only: ['address'], url: stage.proxy.url, ca: stage.ca }),
    )
    expect(tried.join('\n')).toMatch(
      /error public address: .* sends clients to https:\/\/registry\.invalid:5443\/v2\/_auth/,
    )
  })

  test('that leads to another server is told from it', async () => {
    await using other = await startServer()
    const place = path.join(folder.path, 'other')
    await using stage = await setStage({
      ...{ program: nginx.file, folder: place },
      edit: (block) => block.replace(/proxy_pass .*;/, `proxy_pass ${other.url};`),
    })
    const faults = faultsOf(await examine(stage.server, { ca: stage.ca, only: ['push'] }))
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(
      /^error push and pull: the header Authorization: .*answered 401.*→ Another registry/,
    )
  })
})
