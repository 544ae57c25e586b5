import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openPatient } from '../../server/administration/doctor.ts'
import type { BlobReader, BlobStore } from '../../server/blobs/blob-store.ts'
import { checkBlobs } from '../../server/doctor/blob-check.ts'
import type { Patient } from '../../server/doctor/patient.ts'
import { contentOf, image } from '../support/content.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import type { TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { examine, faultsOf, startPatient } from './stage.ts'

const hourMs = 3_600_000
const isRoot = process.getuid?.() === 0
const folder = makeTemporaryFolder('doctor-place')
afterAll(() => folder[Symbol.asyncDispose]())

describe('the doctor', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startPatient()
    await pushImage(tableOf(server), 'main/app', image('whole'), ['1'])
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('has nothing to say of a server that works but that it has no base URL', async () => {
    const faults = faultsOf(await examine(server))
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'warning base URL',
      'skipped clock',
      'skipped public address',
      'skipped push and pull',
    ])
  })

  test('names a damaged blob with its image, and the next push mends it', async () => {
    const damaged = image('damaged')
    await pushImage(tableOf(server), 'main/hurt', damaged, ['1'])
    const file = findFileWith(
      path.join(server.config.dataDir, 'store/blobs'),
      damaged.layers[0]?.bytes ?? Buffer.alloc(0),
    )
    const bytes = readFileSync(file)
    bytes[10] = (bytes[10] ?? 0) ^ 1
    writeFileSync(file, bytes)
    const faults = faultsOf(await examine(server, { only: ['blobs'], isDeep: true }))
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(
      /^error blob sha256:[0-9a-f]{64}: .*its bytes are others.*main\/hurt:1/,
    )
    expect(faults[0]).toMatch(/Push these images again/)
    const marked = faultsOf(await examine(server, { only: ['blobs'] }))
    expect(marked.join()).toMatch(/it is marked damaged.*main\/hurt:1/)
    await pushImage(tableOf(server), 'main/hurt', damaged, ['1'])
    expect(faultsOf(await examine(server, { only: ['blobs'] }))).toEqual([])
  })

  test('marks all that is damaged, however few it names', async () => {
    const many = Array.from({ length: 12 }, (_, at) => contentOf(`layer ${at} of many`))
    for (const each of many) await pushBlob(tableOf(server), 'main/many', each)
    const blobs = path.join(server.config.dataDir, 'store/blobs')
    for (const { bytes } of many) writeFileSync(findFileWith(blobs, bytes), 'short')
    const faults = faultsOf(await examine(server, { only: ['blobs'], isDeep: true }))
    expect(faults).toHaveLength(11)
    expect(faults.at(-1)).toMatch(/^error blobs: 2 more blobs are damaged/)
    using raw = new DatabaseSync(path.join(server.config.dataDir, 'entrepot.db'))
    expect(raw.prepare("select 1 from blobs where state = 'damaged'").all()).toHaveLength(12)
    const marked = faultsOf(await examine(server, { only: ['blobs'] }))
    expect(marked).toHaveLength(11)
    expect(marked.at(-1)).toMatch(/^error blobs: 2 more blobs are damaged/)
    for (const each of many) await pushBlob(tableOf(server), 'main/many', each)
    expect(faultsOf(await examine(server, { only: ['blobs'] }))).toEqual([])
  })

  test('ends a quick look in the middle of a layer that takes long', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      await using opened = await openPatient(server.config, {
        ...{ url: null, ca: null, bodyBytes: 1, isDeep: false },
      })
      const faults = faultsOf(await checkBlobs(withSlowStores(opened.patient)))
      expect(faults).toHaveLength(1)
      expect(faults[0]).toMatch(/^skipped blobs: The first one takes longer .*--deep/)
    } finally {
      vi.useRealTimers()
    }
  })

  test('names a clock that is an hour off: of the proxy, and of what was noted before', async () => {
    await using skewed = await startSkewedProxy(server.url, -hourMs)
    const faults = faultsOf(await examine(server, { only: ['clock'], url: skewed.url }))
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(
      /^error clock of the public address: It is 60 minutes behind this server.*NTP/,
    )
    using raw = new DatabaseSync(path.join(server.config.dataDir, 'entrepot.db'))
    raw.exec(`update events set at = at + ${hourMs}`)
    const later = faultsOf(await examine(server, { only: ['clock'] }))
    raw.exec(`update events set at = at - ${hourMs}`)
    expect(later[0]).toMatch(/^error clock: The database has notes of .*ran ahead, or was put back/)
  })

  test.skipIf(!isRoot)('names files of another owner and of a wrong mode', async () => {
    const { dataDir } = server.config
    execFileSync('chown', ['-R', '4242', dataDir])
    try {
      expect(faultsOf(await examine(server, { only: ['folders'] }))).toEqual([])
      chownSync(path.join(dataDir, 'store/uploads'), 4343, 4343)
      chmodSync(path.join(dataDir, 'entrepot.db'), 0o400)
      const faults = faultsOf(await examine(server, { only: ['folders'] }))
      expect(faults[0]).toMatch(
        /^error owner: .*store\/uploads belongs to another user \(4343\) than .* \(4242\).*chown -R 4242/,
      )
      expect(faults[1]).toMatch(/^error mode: .*entrepot\.db.*chmod -R u\+rwX/)
    } finally {
      execFileSync('chown', ['-R', '0', dataDir])
      chmodSync(path.join(dataDir, 'entrepot.db'), 0o600)
    }
  })

  test('names a secret key that everybody may read, and one that is gone', async () => {
    const file = path.join(server.config.dataDir, 'secret.key')
    const key = readFileSync(file)
    chmodSync(file, 0o644)
    const open = faultsOf(await examine(server, { only: ['settings'] }))
    expect(open.join()).toMatch(/error secret key: Everybody .* \(mode 644\).*chmod 600/)
    rmSync(file)
    const gone = faultsOf(await examine(server, { only: ['settings'] }))
    expect(gone.join()).toMatch(/error secret key: There is no .*secret\.key.*from a backup/)
    writeFileSync(file, key, { mode: 0o600 })
  })
})

const small = path.join(folder.path, 'small')
const canMount = mountSmall(small)
afterAll(() => {
  if (canMount) execFileSync('umount', ['-l', small])
})
const full = canMount ? 'a full disk' : 'a full disk (skipped: needs the right to mount a tmpfs)'

describe.skipIf(!canMount)(full, () => {
  test('is named by the doctor, with what to do, whether the server runs or not', async () => {
    const dataDir = path.join(small, 'data')
    const place = { dataDir, databaseUrl: `sqlite:${path.join(dataDir, 'entrepot.db')}` }
    const server = await startPatient({ ...place, diskReserveBytes: 4 * 2 ** 20 })
    expect(faultsOf(await examine(server, { only: ['disk'] }))).toEqual([])
    writeFileSync(path.join(small, 'ballast'), Buffer.alloc(29 * 2 ** 20))
    const running = faultsOf(await examine(server, { only: ['disk', 'stores'] }))
    expect(running[0]).toMatch(
      /^error disk of the data folder: .*data has \S+ MiB of 32\.0 MiB free and must keep 4\.0 MiB \(disk-reserve\): pushes are refused\. → Make room/,
    )
    expect(running[1]).toMatch(
      /^error store .*: The step "write" fails: .*free.* \(main\) → Make room/,
    )
    await server[Symbol.asyncDispose]()
  })
})

function mountSmall(target: string): boolean {
  mkdirSync(target)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'none', target], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Each piece takes a second, and there are a hundred. */
function withSlowStores(patient: Patient): Patient {
  if (!('db' in patient.data)) throw new Error('it has no database')
  const { stores } = patient.data
  const slow = (store: BlobStore): BlobStore =>
    Object.assign(Object.create(store) as BlobStore, {
      check: () => Promise.resolve(),
      async open(location: string): Promise<BlobReader | undefined> {
        const reader = await store.open(location)
        if (reader === undefined) return undefined
        const { sizeBytes } = reader
        return {
          sizeBytes,
          read: readSlowly,
          [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
        }
      },
    })
  const data = { ...patient.data, stores: { ...stores, get: (id: number) => slow(stores.get(id)) } }
  return { ...patient, data }
}

async function* readSlowly() {
  for (let second = 0; second < 100; second += 1) {
    vi.advanceTimersByTime(1000)
    yield Buffer.from('.')
  }
}

function tableOf({ url, admin }: TestServer) {
  return { url, callers: { admin } }
}

function findFileWith(blobs: string, bytes: Uint8Array): string {
  const files = readdirSync(blobs, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => path.join(each.parentPath, each.name))
  const found = files.find((file) => readFileSync(file).equals(bytes))
  if (found === undefined) throw new Error('no file has these bytes')
  return found
}

/** Hands everything on, with the time of a clock that is off. */
async function startSkewedProxy(target: string, offMs: number) {
  const proxy = http.createServer((req, res) => {
    const options = { method: req.method, headers: req.headers }
    const upstream = http.request(new URL(req.url ?? '/', target), options, (answer) => {
      const date = new Date(Date.now() + offMs).toUTCString()
      res.writeHead(answer.statusCode ?? 0, { ...answer.headers, date })
      answer.pipe(res)
    })
    upstream.on('error', () => res.destroy())
    req.pipe(upstream)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        proxy.closeAllConnections()
        proxy.close(() => resolve())
      }),
  }
}
