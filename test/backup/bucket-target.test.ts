import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { backUpNow, restoreNow } from '../../server/administration/backup.ts'
import { parseDigest } from '../../server/domain/digest.ts'
import { openBackupTarget } from '../../server/registry/backup/open-target.ts'
import { logOf, runJob } from '../cleanup/cleaner.ts'
import { openWorld } from '../cleanup/world.ts'
import { buildServer } from '../support/build.ts'
import { clouds } from '../support/cloud-stores.ts'
import { runCommand } from '../support/command.ts'
import { absentDigest, blob, digestOf, image } from '../support/content.ts'
import { openFaultProxy } from '../support/fault-proxy.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { backUpTo, listen, pull, restoreFrom, serve, tableOf } from './backups.ts'
import { copyDatabase, eightAtOnce, linesOf, someInfo } from './bucket-content.ts'
import { type BucketPlaces, bucketPlaces, snapshotsIn } from './places.ts'

// Only what never ends runs into it.
vi.setConfig({ testTimeout: 300_000 })
afterAll(() => vi.resetConfig())

const rgw = clouds.filter(({ name }) => name === 'RGW')
const tell = () => {}

describe.each(rgw)('a bucket of backups on $name', (kind) => {
  describe.skipIf(kind.missing !== '')(kind.missing || 'alone', () => {
    const folder = makeTemporaryFolder('bucket-target')
    const below = (name: string) => path.join(folder.path, name)
    let places: BucketPlaces
    let server: TestServer
    beforeAll(async () => {
      places = await bucketPlaces(kind)
      const to = places.target('job')
      const backup = { to, keep: 2, bytesPerSecond: 0, s3: places.s3 }
      server = await startServer({ backup }, { jobTimes: { tickMs: 50, beatMs: 50 } })
      await pushImage(tableOf(server), 'main/app', image('first'), ['1'])
    })
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]()
      await places?.[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    })
    /** As seen from a machine whose process may stop for longer than a lease. */
    const open = (
      name: string,
      machine: string,
      { beatMs = 100, lookMs = 150, leaseMs = 1500 } = {},
    ) =>
      openBackupTarget(places.target(name), {
        ...{ s3: places.s3, dataDir: below(machine) },
        lockTimes: { leaseMs, beatMs, lookMs },
      })

    test('is held by one, and the next has it when that one lets go', async () => {
      await using one = await open('held', 'one')
      await using other = await open('held', 'other')
      const held = await one.hold({ isReader: false, tell })
      expect(held).toBeDefined()
      expect(await other.hold({ isReader: false, tell })).toBeUndefined()
      await held?.[Symbol.asyncDispose]()
      expect(await places.list('held')).toEqual([])
      const next = await other.hold({ isReader: true, tell })
      expect(next?.lost.aborted).toBe(false)
      await next?.[Symbol.asyncDispose]()
    })

    test('is had by one of two who come at once', async () => {
      const times = { lookMs: 1000, leaseMs: 60_000 }
      await using one = await open('raced', 'one', times)
      await using other = await open('raced', 'other', times)
      const holds = await Promise.all(
        [one, other].map((each) => each.hold({ isReader: false, tell })),
      )
      expect(holds.filter((hold) => hold !== undefined)).toHaveLength(1)
      for (const hold of holds) await hold?.[Symbol.asyncDispose]()
    })

    test('is taken over from who is silent, who then neither finishes nor removes anything', async () => {
      await using silent = await open('taken', 'silent', { beatMs: 600_000 })
      await using next = await open('taken', 'next')
      const lost = await silent.hold({ isReader: false, tell })
      const draft = await silent.beginSnapshot('2026-12-01')
      await copyDatabase(server, draft.database)
      const told: string[] = []
      const hold = await next.hold({ isReader: false, tell: (words) => void told.push(words) })
      expect(hold).toBeDefined()
      expect(told.join()).toMatch(/Somebody has the lock of s3:.*within 1\.5 seconds/)
      await expect(draft.finish(someInfo, async () => {})).rejects.toThrow(/has taken over s3:/)
      expect(lost?.lost.aborted).toBe(true)
      expect(await snapshotsIn(places, 'taken')).toEqual([])
      await places.write('taken', 'blobs/sha256/'.concat('0'.repeat(64)), 'needed')
      await expect(silent.removeBlobs([], () => {})).rejects.toThrow(/has taken over s3:/)
      // Nor does one that was stopped before it began.
      const begun = 'snapshots/2026-01-02T03-04-05.678Z/entrepot.db'
      await places.write('taken', begun, 'begun')
      await expect(silent.prepare()).rejects.toThrow(/has taken over s3:/)
      await expect(silent.write('marker', '')).rejects.toThrow(/has taken over s3:/)
      expect(await places.list('taken')).toContain(begun)
      expect(await places.list('taken')).not.toContain('marker')
      await lost?.[Symbol.asyncDispose]()
      // Letting go of what one has not takes nothing from who has it.
      expect(await places.list('taken')).toContain('backup.lock')
      expect(await places.list('taken')).toContain(`blobs/sha256/${'0'.repeat(64)}`)
      await hold?.[Symbol.asyncDispose]()
    })

    test('of a process that was killed is gone on with at once from the same data folder', async () => {
      await backUpTo(server.config, places.target('killed'))
      const id = readFileSync(path.join(server.config.dataDir, 'bucket-backup/id'), 'utf8').trim()
      const left = { kind: 'entrepot backup lock', holder: id, run: 'killed', beat: 7 }
      await places.write('killed', 'backup.lock', JSON.stringify(left))
      const report = listen()
      const infos: string[] = []
      const order = { to: places.target('killed'), keep: null, bytesPerSecond: 0 }
      const info = (words: string) => void infos.push(words)
      await backUpNow(server.config, { ...order, report: { ...report, info } })
      expect(infos.join()).not.toMatch(/Somebody has the lock/)
    })

    test('knows and removes blobs in more pages than one', async () => {
      await using target = await open('many', 'one', { leaseMs: 60_000 })
      const hold = await target.hold({ isReader: false, tell })
      const digests = Array.from({ length: 2300 }, (_, at) =>
        parseDigest(digestOf(Buffer.from(`${at}`))),
      ).sort()
      await eightAtOnce(digests, (digest) => places.write('many', places.blobFile(digest), 'x'))
      await places.write('many', 'blobs/mine', 'kept')
      const few = [digests[0], digests[700], digests[1999], digests[2299]].filter(
        (each) => each !== undefined,
      )
      const near = await target.findSizes(few)
      expect(few.map((digest) => near.get(digest))).toEqual([1, 1, 1, 1])
      const absent = parseDigest(absentDigest('many'))
      const found = await target.findSizes([...digests, absent])
      expect(digests.filter((digest) => found.get(digest) !== 1)).toEqual([])
      expect(found.has(absent)).toBe(false)

      const [odd, even] = [1, 0].map((rest) => digests.filter((_, at) => at % 2 === rest))
      const third = digests.filter((_, at) => at % 3 === 0)
      await places.write('many', 'snapshots/a/blobs.txt', linesOf(odd ?? []))
      await places.write('many', 'snapshots/b/blobs.txt', linesOf(third))
      let removed = 0
      const count = (sizeBytes: number) => {
        removed += sizeBytes
      }
      await expect(target.removeBlobs(['a', 'c'], count)).rejects.toThrow(/c in .* no blobs\.txt/)
      expect(removed).toBe(0)
      await target.removeBlobs(['a', 'b'], count)
      const gone = (even ?? []).filter((digest) => !third.includes(digest))
      expect(removed).toBe(gone.length)
      const left = await places.list('many')
      expect(left.filter((file) => file.startsWith('blobs/sha256'))).toEqual(
        digests.filter((digest) => !gone.includes(digest)).map(places.blobFile),
      )
      expect(left).toContain('blobs/mine')
      await hold?.[Symbol.asyncDispose]()
    })

    test('loses what was cut off, and nothing of others', async () => {
      const { bucket } = places
      const prefix = 'of servers/cut/'
      const half = 'snapshots/2026-01-02T03-04-05.678Z/entrepot.db'
      const ours = [`blobs/sha256/${'a'.repeat(64)}`, half]
      const others = ['blobs/some-upload', 'snapshots/prod/blobs/some-upload']
      for (const file of [...ours, ...others]) await bucket.beginParts(`${prefix}${file}`)
      await places.write('cut', half, 'half')
      await backUpTo(server.config, places.target('cut'))
      const open = await bucket.listIncomplete({ prefix, after: null, count: 100 })
      expect(open).toEqual(others.map((file) => `${prefix}${file}`))
      for (const file of others) await bucket.abortParts(`${prefix}${file}`)
      expect(await places.list('cut')).not.toContain(half)
      expect(await snapshotsIn(places, 'cut')).toHaveLength(1)
    })

    test('is refused where others keep things, and leaves those alone that come later', async () => {
      const file = 'snapshots/prod/blobs/x'
      await places.write('shared', file, 'of others')
      const run = () => backUpTo(server.config, places.target('shared'), 1)
      await expect(run()).rejects.toThrow(/is not empty.*it has snapshots\/prod/)
      await places.remove('shared', [file])
      await places.write('shared', 'blobs/mine', 'of others')
      await expect(run()).rejects.toThrow(/is not empty.*it has blobs\/mine/)
      await places.remove('shared', ['blobs/mine'])
      for (const folder of ['', 'snapshots/']) await places.write('shared', folder, '')
      await run()
      await places.write('shared', file, 'of others')
      await run()
      expect(await places.list('shared')).toContain(file)
      expect(await snapshotsIn(places, 'shared')).toHaveLength(1)
    })

    test('shows a blob when all of it is kept, and has nothing of one that is dropped', async () => {
      await using target = await open('drafts', 'one')
      const { bytes, digest: text } = blob('draft', 11_000_000)
      const digest = parseDigest(text)
      const file = places.blobFile(digest)
      for (const isKept of [false, true]) {
        const draft = await target.begin(digest, bytes.length)
        for (let at = 0; at < bytes.length; at += 999_999) {
          await draft.write(bytes.subarray(at, at + 999_999))
        }
        expect(await places.list('drafts')).toEqual([])
        await (isKept ? draft.keep() : draft.drop())
        expect(await places.list('drafts')).toEqual(isKept ? [file] : [])
        const page = { prefix: 'of servers/drafts/', after: null, count: 10 }
        expect(await places.bucket.listIncomplete(page)).toEqual([])
      }
      expect(await target.findSizes([digest])).toEqual(new Map([[digest, bytes.length]]))
      expect((await places.read('drafts', file)).equals(bytes)).toBe(true)
    })

    test('is restored by who may only read', async () => {
      await backUpTo(server.config, places.target('read'))
      await using proxy = await openFaultProxy(places.s3.endpoint ?? '', undefined, {
        keepsHost: true,
      })
      proxy.setFault({ kind: 'status', status: 403 }, /^(PUT|POST|DELETE) /)
      const s3 = { ...places.s3, endpoint: proxy.url }
      const told = await restoreFrom(places.target('read'), below('reader'), { s3 })
      expect(told.missing).toEqual([])
      expect(told.infos.join()).toMatch(/lock of s3:.* may not be written.*nothing keeps a backup/)
      const config = { ...server.config, backup: { ...server.config.backup, s3 } }
      await expect(backUpTo(config, places.target('read'))).rejects.toThrow(
        /The service of s3:.*\/read refuses the credentials, or they lack a right/,
      )
    })

    test('that cannot be reached any more loses no blob: the restore goes on later', async () => {
      await backUpTo(server.config, places.target('outage'))
      await using proxy = await openFaultProxy(places.s3.endpoint ?? '', undefined, {
        keepsHost: true,
      })
      const s3 = { ...places.s3, endpoint: proxy.url }
      const at = { dataDir: below('later'), databaseUrl: `sqlite:${below('later/entrepot.db')}` }
      proxy.setFault({ kind: 'status', status: 400 }, /^GET .*\/blobs\/sha256/)
      const order = { from: places.target('outage'), snapshot: null }
      const report = listen()
      const count = () => proxy.setFault({ kind: 'status', status: 400 })
      const progress = (words: string) => void (words.startsWith('blob ') && count())
      await expect(
        restoreNow({ ...at, backup: { s3 } }, { ...order, report: { ...report, progress } }),
      ).rejects.toThrow(/The service of s3:.* cannot be used now/)
      expect(report.faults).toEqual([])
      await restoreFrom(places.target('outage'), below('later'), { s3: places.s3 })
      await using second = await serve(below('later'))
      expect(await pull(second, 'main/app', 'first')).toEqual(['whole', 'whole', 'whole', 'whole'])
    })

    test('that cannot be used is named, with what to do', async () => {
      const { config } = server
      const using = (s3: Partial<typeof places.s3>, to = places.target('none')) =>
        backUpTo({ ...config, backup: { ...config.backup, s3: { ...places.s3, ...s3 } } }, to)
      await expect(using({ endpoint: null })).rejects.toThrow(/region of s3:.*backup-s3-region/)
      await expect(using({}, 's3://no-such-bucket/x')).rejects.toThrow(
        /There is no bucket for s3:\/\/no-such-bucket\/x \(NoSuchBucket\): make it/,
      )
      const credentials = { accessKeyId: 'TESTKEY', secretAccessKey: 'wrong' }
      await expect(using({ credentials })).rejects.toThrow(/\/none refuses the credentials/)
    })

    test("is spoken to as Amazon's own programs do, where nothing else is said", async () => {
      const main = await buildServer()
      const run = (name: string, env: Readonly<Record<string, string>>) =>
        runCommand(process.execPath, [main, 'backup', '--to', places.target(name)], {
          env: {
            ...{ PATH: process.env.PATH, ENTREPOT_DATA_DIR: server.config.dataDir },
            ...{ ENTREPOT_BACKUP_S3_PATH_STYLE: 'true', AWS_EC2_METADATA_DISABLED: 'true' },
            ...{ AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_S3: places.s3.endpoint ?? '' },
            ...env,
          },
          cwd: '/',
        })
      const nobody = await run('of-nobody', {})
      expect([nobody.code, nobody.stderr]).toEqual([
        1,
        expect.stringMatching(/There are no credentials for s3:.*set backup-s3-access-key/),
      ])
      const { accessKeyId = '', secretAccessKey = '' } = places.s3.credentials ?? {}
      const credentials = {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
      }
      const done = await run('of-variables', credentials)
      expect(done.code, done.output).toBe(0)
      expect(await snapshotsIn(places, 'of-variables')).toHaveLength(1)
    })

    test('is where the job puts its backups', async () => {
      const { url, admin: authorization } = server
      const world = openWorld({ url, authorization, graceMs: 0, repositories: [] })
      const run = await runJob(world, 'job=Backup')
      expect({ ...run, log: await logOf(world, run) }).toMatchObject({ state: 'succeeded' })
      expect(await snapshotsIn(places, 'job')).toHaveLength(1)
      world.agent.destroy()
    })
  })
})
