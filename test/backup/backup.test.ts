import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { holdNow, releaseNow } from '../../server/administration/backup.ts'
import { openApp } from '../../server/app.ts'
import { openDatabase } from '../../server/db/database.ts'
import { lockFolder } from '../../server/db/process-lock.ts'
import { runJob } from '../cleanup/cleaner.ts'
import { fileOf, flipByte, storedFiles } from '../cleanup/stored-files.ts'
import { openWorld, type World } from '../cleanup/world.ts'
import { image } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'
import { backUpTo, pull, restoreFrom, serve, tableOf } from './backups.ts'

const whole = ['whole', 'whole', 'whole', 'whole']

describe('a backup', () => {
  const place = makeTemporaryFolder('backups')
  let server: TestServer
  let world: World
  const below = (name: string) => path.join(place.path, name)
  const push = (name: string, seed: string, tag = '1') =>
    pushImage(tableOf(server), name, image(seed), [tag])
  const drop = async (name: string, seed: string) => {
    const target = `/v2/${name}/manifests/${image(seed).manifest.digest}`
    const headers = { authorization: server.admin }
    expect((await send(server.url, { method: 'DELETE', target, headers })).status).toBe(202)
  }
  const cleanUp = () => runJob(world, 'job=FeedCleanup&feed=main')

  beforeAll(async () => {
    server = await startServer(
      { storageRoots: [place.path] },
      { jobTimes: { tickMs: 50, beatMs: 50 } },
    )
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
    world.agent.destroy()
    await server[Symbol.asyncDispose]()
    await place[Symbol.asyncDispose]()
  })
  const setStore = async (feed: string, folder: string) => {
    const answer = await send(server.url, {
      ...{ method: 'POST', target: `/api/storage?feed=${feed}` },
      headers: { authorization: server.admin, 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'disk', properties: { StoragePath: folder } }),
    })
    expect(answer.status, answer.body.toString()).toBe(200)
  }

  test('is restored whole, from every store, for its owner alone', async () => {
    const { missing, content, faults } = await backUpTo(server.config, below('one'))
    expect({ missing, faults }).toEqual({ missing: [], faults: [] })
    const restored = await restoreFrom(below('one'), below('restored'))
    expect(restored.missing).toEqual([])
    expect(restored.content).toEqual(content)
    expect(restored.restored).toEqual({ blobs: content.blobs, bytes: content.bytes })
    expect(content).toMatchObject({ images: 3, blobs: 6, tags: 3 })
    const key = path.join(below('restored'), 'secret.key')
    expect(readFileSync(key, 'utf8')).toBe(
      readFileSync(path.join(server.config.dataDir, 'secret.key'), 'utf8'),
    )
    expect(statSync(key).mode & 0o777).toBe(0o600)
    expect(statSync(below('one')).mode & 0o777).toBe(0o700)
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
    const first = await backUpTo(server.config, below('two'))
    expect(first).toMatchObject({ copied: 6, alreadyThere: 0 })
    expect(await backUpTo(server.config, below('two'))).toMatchObject({
      copied: 0,
      alreadyThere: 6,
    })
    await push('main/app', 'third', '3')
    expect(await backUpTo(server.config, below('two'))).toMatchObject({
      copied: 3,
      alreadyThere: 6,
    })
  })

  test('keeps the last snapshots and what they need', async () => {
    await push('main/app', 'short-lived', 'x')
    await backUpTo(server.config, below('three'))
    await drop('main/app', 'short-lived')
    await cleanUp()
    const { digest } = image('short-lived').config
    const file = path.join(below('three'), 'blobs/sha256', digest.slice(7, 9), digest.slice(7))
    await backUpTo(server.config, below('three'), 2)
    expect(existsSync(file)).toBe(true)
    await backUpTo(server.config, below('three'), 2)
    expect(readdirSync(path.join(below('three'), 'snapshots'))).toHaveLength(2)
    expect(existsSync(file)).toBe(false)
    await restoreFrom(below('three'), below('restored-three'))
    await using second = await serve(below('restored-three'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
    expect(await pull(second, 'main/app', 'short-lived')).toEqual(['404', '404', '404', '404'])
  })

  test('that runs keeps clean-up from what is freed meanwhile', async () => {
    await push('main/app', 'held', 'h')
    const { id } = await holdNow(server.config, 1)
    const files = storedFiles(server.config.dataDir).length
    await drop('main/app', 'held')
    await cleanUp()
    await cleanUp()
    expect(storedFiles(server.config.dataDir)).toHaveLength(files)
    await releaseNow(server.config, id)
    await expect(releaseNow(server.config, id)).rejects.toThrow(`no hold ${id}, or it has ended`)
    await cleanUp()
    expect(storedFiles(server.config.dataDir)).toHaveLength(files - 3)
  })

  test('names what is damaged, and has the rest', async () => {
    await push('main/app', 'damaged', 'd')
    const [bad, gone] = image('damaged').layers
    flipByte(fileOf(server.config.dataDir, bad?.digest ?? ''))
    rmSync(fileOf(server.config.dataDir, gone?.digest ?? ''))
    const { missing, faults, content } = await backUpTo(server.config, below('four'))
    expect(missing.map(({ digest }) => digest).sort()).toEqual([bad?.digest, gone?.digest].sort())
    expect(missing.flatMap(({ images }) => images)).toEqual(['main/app:d', 'main/app:d'])
    expect(faults.join()).toMatch(/not in the backup \(main\/app:d\): its bytes are missing/)
    expect(faults.join()).toMatch(/its bytes are others, with the digest sha256:/)
    const restored = await restoreFrom(below('four'), below('restored-four'))
    expect(restored.missing).toHaveLength(2)
    expect(restored.restored.blobs).toBe(content.blobs - 2)
    await using second = await serve(below('restored-four'))
    expect((await pull(second, 'main/app', 'damaged')).toSorted()).toEqual([
      '404',
      '404',
      'whole',
      'whole',
    ])
    // A push mends it, here and there.
    for (const each of [server, second]) {
      await pushImage(tableOf(each), 'main/app', image('damaged'), ['d'])
      expect(await pull(each, 'main/app', 'damaged')).toEqual(whole)
    }
    expect((await backUpTo(server.config, below('four'))).missing).toEqual([])
  })

  test('whose own bytes have changed since says so, and restores the rest', async () => {
    await backUpTo(server.config, below('five'))
    const { digest } = image('first').config
    flipByte(path.join(below('five'), 'blobs/sha256', digest.slice(7, 9), digest.slice(7)))
    const { missing, faults } = await restoreFrom(below('five'), below('restored-five'))
    expect(missing.map((each) => each.digest)).toEqual([digest])
    expect(faults.join()).toMatch(/could not be restored \(.*main\/app:1.*\): the backup's bytes/)
    await using second = await serve(below('restored-five'))
    expect(await pull(second, 'main/app', 'first')).toEqual(['whole', '404', 'whole', 'whole'])
    const [snapshot = ''] = readdirSync(path.join(below('five'), 'snapshots'))
    flipByte(path.join(below('five'), 'snapshots', snapshot, 'entrepot.db'))
    await expect(restoreFrom(below('five'), below('restored-no'))).rejects.toThrow(
      /database of the snapshot .* is damaged .*its bytes have changed/,
    )
  })

  test('is refused where it would mix with other things', async () => {
    const { dataDir } = server.config
    await expect(backUpTo(server.config, path.join(dataDir, 'backup'))).rejects.toThrow(
      'is in the data folder',
    )
    await expect(backUpTo(server.config, place.path)).rejects.toThrow('is not empty and no backup')
    await backUpTo(server.config, below('six'))
    await using lock = await lockFolder(below('six'), 'backup')
    expect(lock).toBeDefined()
    await expect(backUpTo(server.config, below('six'))).rejects.toThrow('Another backup writes')
  })

  test('is restored into an empty data folder only', async () => {
    await backUpTo(server.config, below('seven'))
    await expect(restoreFrom(below('none'), below('x'))).rejects.toThrow('is no backup of Entrepot')
    await expect(restoreFrom(below('seven'), below('x'), 'y')).rejects.toThrow(
      'no snapshot "y", but',
    )
    await expect(restoreFrom(below('seven'), server.config.dataDir)).rejects.toThrow(
      /There is a database already/,
    )
    await expect(restoreFrom(below('seven'), below('seven'))).rejects.toThrow(
      /is not empty \(it has/,
    )
  })

  test('that was half restored is not served as an empty server', async () => {
    await backUpTo(server.config, below('eight'))
    await restoreFrom(below('eight'), below('half'))
    const [snapshot = ''] = readdirSync(path.join(below('eight'), 'snapshots'))
    rmSync(path.join(below('half'), 'entrepot.db'))
    const [lost = ''] = storedFiles(below('half'))
    rmSync(lost)
    const state = { from: below('eight'), snapshot }
    writeFileSync(path.join(below('half'), 'restoring.json'), JSON.stringify(state))
    const config = {
      ...server.config,
      ...{ dataDir: below('half'), databaseUrl: `sqlite:${below('half')}/entrepot.db` },
    }
    await expect(openApp(config)).rejects.toThrow(/restore of .* was cut off. Run it again/)
    await expect(backUpTo(config, below('nine'))).rejects.toThrow('was cut off')
    await using lock = await lockFolder(below('half'), 'serve')
    await expect(restoreFrom(below('eight'), below('half'))).rejects.toThrow('A server, or another')
    await lock?.[Symbol.asyncDispose]()
    const { counts, missing } = await restoreFrom(below('eight'), below('half'))
    expect({ copied: counts.get('copied'), missing }).toEqual({ copied: 1, missing: [] })
    await using second = await serve(below('half'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
  })

  test('leaves nothing that runs, and is told of in the database', async () => {
    await backUpTo(server.config, below('ten'))
    await using db = await openDatabase({ url: server.config.databaseUrl })
    const rows = await db.read.selectFrom('backups').selectAll().orderBy('id').execute()
    expect(rows.filter(({ state }) => state === 'running')).toEqual([])
    expect(rows.at(-1)).toMatchObject({ state: 'succeeded', target: below('ten'), error: null })
    expect(rows.map(({ state }) => state)).toContain('incomplete')
  })
})
