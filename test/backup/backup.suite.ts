import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { backUpNow } from '../../server/administration/backup.ts'
import { openApp } from '../../server/app.ts'
import type { Config } from '../../server/config.ts'
import { openDatabase } from '../../server/db/database.ts'
import { lockFolder } from '../../server/db/process-lock.ts'
import { runJob } from '../cleanup/cleaner.ts'
import { fileOf, flipByte, storedFiles } from '../cleanup/stored-files.ts'
import { openWorld, type World } from '../cleanup/world.ts'
import { blob, descriptor, image, manifestOf, mediaTypes } from '../support/content.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'
import { backUpTo, listen, pull, restoreFrom, serve, tableOf } from './backups.ts'
import { type BackupPlaces, flipByteIn, holdElsewhere, snapshotsIn } from './places.ts'

const whole = ['whole', 'whole', 'whole', 'whole']
/** Of a bucket's upload. */
const partBytes = 5 * 1024 * 1024
const largeBytes = 12_000_000

/** What a backup does, wherever it is put. */
export function backupSuite(open: () => Promise<BackupPlaces>): void {
  const folder = makeTemporaryFolder('backups')
  const below = (name: string) => path.join(folder.path, name)
  let places: BackupPlaces
  let server: TestServer
  let world: World
  const to = (name: string) => places.target(name)
  const backUp = (name: string, keep: number | null = null, config: Config = server.config) =>
    backUpTo(config, to(name), keep)
  const restore = (name: string, dataDir: string, snapshot: string | null = null) =>
    restoreFrom(to(name), below(dataDir), { snapshot, s3: places.s3 })
  const push = (name: string, seed: string, tag = '1') =>
    pushImage(tableOf(server), name, image(seed), [tag])
  const drop = async (name: string, digest: string) => {
    const target = `/v2/${name}/manifests/${digest}`
    const headers = { authorization: server.admin }
    expect((await send(server.url, { method: 'DELETE', target, headers })).status).toBe(202)
  }
  const cleanUp = () => runJob(world, 'job=FeedCleanup&feed=main')
  const placeAt = (dataDir: string): Config => ({
    ...{ ...server.config, dataDir: below(dataDir) },
    databaseUrl: `sqlite:${path.join(below(dataDir), 'entrepot.db')}`,
  })

  beforeAll(async () => {
    places = await open()
    const backup = { to: null, keep: 7, bytesPerSecond: 0, s3: places.s3 }
    const overrides = { storageRoots: [folder.path], backup }
    server = await startServer(overrides, { jobTimes: { tickMs: 50, beatMs: 50 } })
    const { url, admin: authorization } = server
    world = openWorld({ url, authorization, graceMs: 0, repositories: ['main/app'] })
    await server.createFeed('other')
    await server.createFeed('elsewhere')
    await setStore('elsewhere', below('other-disk'))
    const set = '/api/settings/set?name=Cleanup.GraceSeconds&value=0'
    await send(url, { method: 'POST', target: set, headers: { authorization } })
    await push('main/app', 'first')
    await push('other/app', 'first')
    await push('elsewhere/app', 'second')
  })
  afterAll(async () => {
    world?.agent.destroy()
    await server?.[Symbol.asyncDispose]()
    await places?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
  const setStore = async (feed: string, storagePath: string) => {
    const answer = await send(server.url, {
      ...{ method: 'POST', target: `/api/storage?feed=${feed}` },
      headers: { authorization: server.admin, 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'disk', properties: { StoragePath: storagePath } }),
    })
    expect(answer.status, answer.body.toString()).toBe(200)
  }

  test('is restored whole, from every store, for its owner alone', async () => {
    const { missing, content, faults } = await backUp('one')
    expect({ missing, faults }).toEqual({ missing: [], faults: [] })
    const restored = await restore('one', 'restored')
    expect(restored.missing).toEqual([])
    expect(restored.content).toEqual(content)
    expect(restored.restored).toEqual({ blobs: content.blobs, bytes: content.bytes })
    expect(content).toMatchObject({ images: 3, blobs: 6, tags: 3 })
    const key = path.join(below('restored'), 'secret.key')
    expect(readFileSync(key, 'utf8')).toBe(
      readFileSync(path.join(server.config.dataDir, 'secret.key'), 'utf8'),
    )
    expect(statSync(key).mode & 0o777).toBe(0o600)
    expect(readdirSync(below('restored')).filter((name) => /restoring/.test(name))).toEqual([])
    await using second = await serve(below('restored'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
    expect(await pull(second, 'other/app', 'first')).toEqual(whole)
    expect(await pull(second, 'elsewhere/app', 'second')).toEqual(whole)
    // It is a server of its own: what is pushed to it goes to its own folders.
    const before = readdirSync(path.join(below('other-disk'), 'blobs')).length
    await pushImage(tableOf(second), 'elsewhere/app', image('later'), ['2'])
    expect(await pull(second, 'elsewhere/app', 'later')).toEqual(whole)
    expect(readdirSync(path.join(below('other-disk'), 'blobs'))).toHaveLength(before)
  })

  test('copies what it has not yet, and nothing else', async () => {
    expect(await backUp('two')).toMatchObject({ copied: 6, alreadyThere: 0 })
    expect(await backUp('two')).toMatchObject({ copied: 0, alreadyThere: 6 })
    await push('main/app', 'third', '3')
    expect(await backUp('two')).toMatchObject({ copied: 3, alreadyThere: 6 })
  })

  test('keeps the last snapshots and what they need', async () => {
    await push('main/app', 'short-lived', 'x')
    await backUp('three')
    await drop('main/app', image('short-lived').manifest.digest)
    await cleanUp()
    const file = places.blobFile(image('short-lived').config.digest)
    await backUp('three', 2)
    expect(await places.list('three')).toContain(file)
    await backUp('three', 2)
    expect(await snapshotsIn(places, 'three')).toHaveLength(2)
    expect(await places.list('three')).not.toContain(file)
    await restore('three', 'restored-three')
    await using second = await serve(below('restored-three'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
    expect(await pull(second, 'main/app', 'short-lived')).toEqual(['404', '404', '404', '404'])
  })

  test('has large and empty layers, and nothing of one that turned out to be damaged', async () => {
    const [good, bad] = [blob('large', largeBytes), blob('large and bad', largeBytes)]
    const others = [blob('empty', 0), blob('a part', partBytes), blob('parts', 2 * partBytes)]
    for (const layer of [good, bad, ...others]) await pushBlob(tableOf(server), 'main/large', layer)
    const manifest = manifestOf({
      ...{ schemaVersion: 2, mediaType: mediaTypes.image, artifactType: 'application/x-large' },
      config: descriptor(good, mediaTypes.octets),
      layers: [bad, ...others].map((layer) => descriptor(layer, mediaTypes.octets)),
    })
    await pushManifest(tableOf(server), 'main/large', manifest, '1')
    flipByte(fileOf(server.config.dataDir, bad.digest))
    const { missing } = await backUp('large')
    expect(missing.map(({ digest }) => digest)).toEqual([bad.digest])
    expect(await places.list('large')).not.toContain(places.blobFile(bad.digest))
    const kept = await places.read('large', places.blobFile(good.digest))
    expect(kept.equals(good.bytes)).toBe(true)
    await restore('large', 'restored-large')
    await using second = await serve(below('restored-large'))
    const headers = { authorization: second.admin }
    for (const { digest, bytes } of [good, ...others]) {
      const target = `/v2/main/large/blobs/${digest}`
      const { status, body } = await send(second.url, { method: 'GET', target, headers })
      expect([status, body.equals(bytes)]).toEqual([200, true])
    }
    await drop('main/large', manifest.digest)
    await cleanUp()
  })
  test('names what is damaged, and has the rest', async () => {
    await push('main/app', 'damaged', 'd')
    const [bad, gone] = image('damaged').layers
    flipByte(fileOf(server.config.dataDir, bad?.digest ?? ''))
    rmSync(fileOf(server.config.dataDir, gone?.digest ?? ''))
    const { missing, faults, content } = await backUp('four')
    expect(missing.map(({ digest }) => digest).sort()).toEqual([bad?.digest, gone?.digest].sort())
    expect(missing.flatMap(({ images }) => images)).toEqual(['main/app:d', 'main/app:d'])
    expect(faults.join()).toMatch(/not in the backup \(main\/app:d\): its bytes are missing/)
    expect(faults.join()).toMatch(/its bytes are others, with the digest sha256:/)
    const restored = await restore('four', 'restored-four')
    expect(restored.missing).toHaveLength(2)
    expect(restored.restored.blobs).toBe(content.blobs - 2)
    await using second = await serve(below('restored-four'))
    const seen = await pull(second, 'main/app', 'damaged')
    expect(seen.toSorted()).toEqual(['404', '404', 'whole', 'whole'])
    // A push mends it, here and there.
    for (const each of [server, second]) {
      await pushImage(tableOf(each), 'main/app', image('damaged'), ['d'])
      expect(await pull(each, 'main/app', 'damaged')).toEqual(whole)
    }
    expect((await backUp('four')).missing).toEqual([])
  })

  test('whose own bytes have changed since says so, and restores the rest', async () => {
    await backUp('five')
    const { digest } = image('first').config
    await flipByteIn(places, 'five', places.blobFile(digest))
    const { missing, faults } = await restore('five', 'restored-five')
    expect(missing.map((each) => each.digest)).toEqual([digest])
    expect(faults.join()).toMatch(/could not be restored \(.*main\/app:1.*\): the backup's bytes/)
    await using second = await serve(below('restored-five'))
    expect(await pull(second, 'main/app', 'first')).toEqual(['whole', '404', 'whole', 'whole'])
    await places.remove('five', [places.blobFile(digest)])
    const lost = await restore('five', 'restored-lost')
    expect(lost.faults.join()).toMatch(/could not be restored .*: it is not in the backup/)
    const [snapshot = ''] = await snapshotsIn(places, 'five')
    await flipByteIn(places, 'five', `snapshots/${snapshot}/entrepot.db`)
    await expect(restore('five', 'restored-no')).rejects.toThrow(
      /database of the snapshot .* is damaged .*its bytes have changed/,
    )
  })

  test('is refused where it would mix with other things, or others are at it', async () => {
    await places.write('foreign', 'precious', 'mine')
    await expect(backUp('foreign')).rejects.toThrow(/is not empty and no backup .*has precious/)
    await backUp('six')
    await using other = await holdElsewhere(places, 'six')
    await expect(backUp('six')).rejects.toThrow('Another backup writes')
    await expect(restore('six', 'later')).rejects.toThrow('A backup writes to')
    await other[Symbol.asyncDispose]()
    mkdirSync(below('later/lost+found'), { recursive: true })
    await restore('six', 'later')
    await using second = await serve(below('later'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
  })

  test('is restored into an empty data folder only', async () => {
    await backUp('seven')
    await expect(restore('none', 'x')).rejects.toThrow('is no backup of Entrepot')
    await expect(restore('seven', 'x', 'y')).rejects.toThrow('no snapshot "y", but')
    const { dataDir } = server.config
    await expect(restoreFrom(to('seven'), dataDir, { s3: places.s3 })).rejects.toThrow(
      /There is a database already/,
    )
    mkdirSync(below('mine'))
    writeFileSync(below('mine/mine'), 'mine')
    await expect(restore('seven', 'mine')).rejects.toThrow(/is not empty \(it has/)
  })

  test('that was half restored is not served as an empty server', async () => {
    await backUp('eight')
    await restore('eight', 'half')
    const [snapshot = ''] = await snapshotsIn(places, 'eight')
    rmSync(path.join(below('half'), 'entrepot.db'))
    const [lost = ''] = storedFiles(below('half'))
    rmSync(lost)
    const state = { from: to('eight'), snapshot }
    writeFileSync(path.join(below('half'), 'restoring.json'), JSON.stringify(state))
    const config = placeAt('half')
    await expect(openApp(config)).rejects.toThrow(/restore of .* was cut off. Run it again/)
    await expect(backUp('nine', null, config)).rejects.toThrow('was cut off')
    await using lock = await lockFolder(below('half'), 'serve')
    await expect(restore('eight', 'half')).rejects.toThrow('A server, or another')
    await lock?.[Symbol.asyncDispose]()
    const { counts, missing } = await restore('eight', 'half')
    expect({ copied: counts.get('copied'), missing }).toEqual({ copied: 1, missing: [] })
    await using second = await serve(below('half'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
  })

  test('that is called off is no snapshot, and gone on with by the next', async () => {
    const stop = new AbortController()
    const report = listen(stop.signal)
    const count = (what: string) => void (what === 'copied' && stop.abort())
    const order = { to: to('ten'), keep: null, bytesPerSecond: 0 }
    await expect(
      backUpNow(server.config, { ...order, report: { ...report, count } }),
    ).rejects.toThrow('was called off')
    expect(await snapshotsIn(places, 'ten')).toEqual([])
    await expect(restore('ten', 'of-none')).rejects.toThrow('has no finished snapshot')
    const next = await backUp('ten')
    expect(next.alreadyThere).toBeGreaterThan(0)
    expect(next.missing).toEqual([])
    const unfinished = (await places.list('ten')).filter((file) => file.includes('.partial'))
    expect(unfinished).toEqual([])
    await restore('ten', 'restored-ten')
    await using second = await serve(below('restored-ten'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
  })

  test('takes the snapshots of one server, which stays the same when it is restored', async () => {
    await backUp('owned')
    await restore('owned', 'again')
    await backUp('owned', null, placeAt('again'))
    const db = await openDatabase({ url: placeAt('another').databaseUrl })
    await db[Symbol.asyncDispose]()
    const before = await places.list('owned')
    await expect(backUp('owned', 1, placeAt('another'))).rejects.toThrow(
      /owned has the backups of another server .*--data-dir/,
    )
    expect(await places.list('owned')).toEqual(before)
  })

  test('from before takes the identity of the first that backs up', async () => {
    await backUp('new')
    await places.copy('new', 'old')
    const marker = 'entrepot-backup.json'
    await places.write('old', marker, JSON.stringify({ kind: 'entrepot backup', version: 1 }))
    await backUp('old')
    expect(await places.read('old', marker)).toEqual(await places.read('new', marker))
    await places.write('old', marker, 'half')
    await expect(backUp('old')).rejects.toThrow(/backup\.json is damaged/)
  })

  test('is not begun anew where it was and is not any more', async () => {
    await backUp('gone')
    await places.remove('gone', await places.list('gone'))
    await expect(backUp('gone')).rejects.toThrow(/has no entrepot-backup\.json, but this server/)
    expect(await places.list('gone')).toEqual([])
  })

  test('writes no other files than those of a data folder, and those as they were', async () => {
    await backUp('forged')
    const [snapshot = ''] = await snapshotsIn(places, 'forged')
    const file = `snapshots/${snapshot}/backup.json`
    const text = (await places.read('forged', file)).toString()
    const info = JSON.parse(text)
    info.files.push({ ...info.files[0], name: '../precious' })
    await places.write('forged', file, JSON.stringify(info))
    writeFileSync(below('precious'), 'mine')
    await expect(restore('forged', 'target')).rejects.toThrow(/names a file "\.\.\/precious"/)
    expect(readFileSync(below('precious'), 'utf8')).toBe('mine')
    expect(existsSync(below('target/entrepot.db'))).toBe(false)
    await places.write('forged', file, text)
    await places.write('forged', `snapshots/${snapshot}/files/secret.key`, 'another key')
    await expect(restore('forged', 'changed')).rejects.toThrow(
      /secret\.key .* is not as it was backed up/,
    )
  })

  test('leaves nothing that runs, and is told of in the database', async () => {
    await backUp('told')
    await using db = await openDatabase({ url: server.config.databaseUrl })
    const rows = await db.read.selectFrom('backups').selectAll().orderBy('id').execute()
    expect(rows.filter(({ state }) => state === 'running')).toEqual([])
    expect(rows.at(-1)).toMatchObject({ state: 'succeeded', target: to('told'), error: null })
    expect(rows.map(({ state }) => state)).toContain('incomplete')
  })
}
