import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  backUpNow,
  holdNow,
  listBackupsNow,
  releaseNow,
  restoreNow,
} from '../../server/administration/backup.ts'
import { exportNow } from '../../server/administration/export.ts'
import { lockFolder } from '../../server/db/process-lock.ts'
import { parseRepositoryName } from '../../server/domain/reference.ts'
import { openRestoredStores } from '../../server/registry/backup/restored-stores.ts'
import { refuseHalfRestored } from '../../server/registry/backup/restoring.ts'
import { hashFile } from '../../server/registry/backup/snapshots.ts'
import { image } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { backUpTo, listen, pull, restoreFrom, serve, tableOf } from './backups.ts'

const whole = ['whole', 'whole', 'whole', 'whole']

describe('a backup folder', () => {
  const place = makeTemporaryFolder('backup-guards')
  const below = (name: string) => path.join(place.path, name)
  let server: TestServer
  let snapshot: string

  beforeAll(async () => {
    server = await startServer()
    await pushImage(tableOf(server), 'main/app', image('first'), ['1'])
    await backUpTo(server.config, below('one'))
    snapshot = readdirSync(below('one/snapshots'))[0] ?? ''
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await place[Symbol.asyncDispose]()
  })
  const placeAt = (name: string, database = path.join(below(name), 'entrepot.db')) => ({
    ...{ ...server.config, dataDir: below(name), databaseUrl: `sqlite:${database}` },
  })
  const restoreAt = (name: string, database: string) =>
    restoreNow(placeAt(name, database), { from: below('one'), snapshot: null, report: listen() })
  const noteOf = (name: string) => path.join(below(name), 'restoring.json')

  test('is for its owner alone, and not in the data folder', async () => {
    expect(statSync(below('one')).mode & 0o777).toBe(0o700)
    const within = path.join(server.config.dataDir, 'backup')
    await expect(backUpTo(server.config, within)).rejects.toThrow('is in the data folder')
    await expect(restoreFrom(below('one'), below('one'))).rejects.toThrow(/is not empty \(it has/)
    await expect(backUpTo(server.config, place.path)).rejects.toThrow('is not empty and no backup')
  })

  test('is not written to from a data folder where no server is', async () => {
    const nowhere = placeAt('nowhere')
    const refusal = /There is no database .*nowhere\/entrepot\.db.*--data-dir.*ENTREPOT_DATA_DIR/
    const order = { to: below('empty'), keep: 1, bytesPerSecond: 0, report: listen() }
    await expect(backUpNow(nowhere, order)).rejects.toThrow(refusal)
    await expect(listBackupsNow(nowhere)).rejects.toThrow(refusal)
    await expect(holdNow(nowhere, 1)).rejects.toThrow(refusal)
    await expect(releaseNow(nowhere, 1)).rejects.toThrow(refusal)
    const repository = parseRepositoryName('app')
    const wanted = { feed: 'main', repository, reference: null, folder: below('empty') }
    await expect(exportNow(nowhere, { ...wanted, report: listen() })).rejects.toThrow(refusal)
    expect([existsSync(below('nowhere')), existsSync(below('empty'))]).toEqual([false, false])
  })

  test('whose disk is not mounted is not begun anew', async () => {
    mkdirSync(below('disk'))
    mkdirSync(below('disk/lost+found'))
    await backUpTo(server.config, below('disk'))
    renameSync(below('disk'), below('unmounted'))
    mkdirSync(below('disk'))
    await expect(backUpTo(server.config, below('disk'))).rejects.toThrow(/is its disk mounted\?/)
    expect(readdirSync(below('disk'))).toEqual([])
  })

  test('that came back without its modes is restored for the owner alone', async () => {
    cpSync(below('one'), below('copied'), { recursive: true })
    const key = path.join(below('copied/snapshots'), snapshot, 'files/secret.key')
    chmodSync(key, 0o777)
    await restoreFrom(below('copied'), below('private'), { snapshot })
    expect(statSync(below('private/secret.key')).mode & 0o777).toBe(0o600)
    writeFileSync(key, 'another key, which is long enough to be one')
    await expect(restoreFrom(below('copied'), below('changed'), { snapshot })).rejects.toThrow(
      /secret\.key .* is not as it was backed up/,
    )
  })

  test('writes no other files than those of a data folder', async () => {
    cpSync(below('one'), below('forged'), { recursive: true })
    const file = path.join(below('forged/snapshots'), snapshot, 'backup.json')
    const info = JSON.parse(readFileSync(file, 'utf8'))
    info.files.push({ ...info.files[0], name: '../precious' })
    writeFileSync(file, JSON.stringify(info))
    writeFileSync(below('precious'), 'mine')
    await expect(restoreFrom(below('forged'), below('target'), { snapshot })).rejects.toThrow(
      /names a file "\.\.\/precious"/,
    )
    expect(readFileSync(below('precious'), 'utf8')).toBe('mine')
    expect(existsSync(below('target'))).toBe(false)
    const id = '../../precious' as unknown as number
    const store = { id, type: 's3', settings: '{}' }
    await expect(openRestoredStores(below('target'), [store])).rejects.toThrow(/no number/)
  })

  test('is restored with its database elsewhere, beside which nothing stale stays', async () => {
    mkdirSync(below('db'))
    for (const end of ['-wal', '-shm', '-journal']) writeFileSync(below(`db/e.db${end}`), 'stale')
    await restoreAt('apart', below('db/e.db'))
    expect(readdirSync(below('db'))).toEqual(['e.db'])
    // As if it had been cut off.
    const note = { from: below('one'), snapshot, databaseFile: below('db/e.db') }
    writeFileSync(noteOf('apart'), JSON.stringify(note))
    await expect(refuseHalfRestored(below('apart'))).rejects.toThrow(
      `--data-dir ${below('apart')} --database-url sqlite:${below('db/e.db')}`,
    )
    const to = below('apart')
    const order = { from: below('one'), snapshot, report: listen() }
    await expect(restoreNow(placeAt('apart'), order)).rejects.toThrow(
      `--data-dir ${to} --database-url sqlite:${below('db/e.db')}`,
    )
    // Nothing says that this restore has made it.
    const goOn = () => restoreNow(placeAt('apart', below('db/e.db')), order)
    await expect(goOn()).rejects.toThrow(/There is a database already, .*e\.db/)
    rmSync(below('db/e.db'))
    expect((await goOn()).missing).toEqual([])
    expect(readdirSync(to)).not.toContain('restoring.json')
  })

  test('goes on with a restore that had put its database in place', async () => {
    mkdirSync(below('late-db'))
    await restoreAt('late', below('late-db/e.db'))
    const note = {
      ...{ from: below('one'), snapshot: readdirSync(below('one/snapshots')).at(-1) },
      ...{ databaseFile: below('late-db/e.db'), database: await hashFile(below('late-db/e.db')) },
    }
    writeFileSync(noteOf('late'), JSON.stringify(note))
    await restoreAt('late', below('late-db/e.db'))
    expect(existsSync(noteOf('late'))).toBe(false)
  })

  test('is not cleaned up while it is restored', async () => {
    const lock = await lockFolder(below('one'), 'backup')
    await expect(restoreFrom(below('one'), below('later'))).rejects.toThrow(/A backup writes to/)
    expect(existsSync(below('later'))).toBe(false)
    await lock?.[Symbol.asyncDispose]()
    mkdirSync(below('later'))
    mkdirSync(below('later/lost+found'))
    await restoreFrom(below('one'), below('later'))
    await using second = await serve(below('later'))
    expect(await pull(second, 'main/app', 'first')).toEqual(whole)
  })

  test('whose old snapshots cannot be forgotten has the new one nevertheless', async () => {
    await backUpTo(server.config, below('full'))
    const [old = ''] = readdirSync(below('full/snapshots'))
    // Nothing can be renamed to the name of a folder that is not empty.
    const report = listen()
    const progress = (words: string) => {
      if (words === 'the snapshot')
        mkdirSync(below(`full/snapshots/${old}.partial/x`), { recursive: true })
    }
    const order = { to: below('full'), keep: 1, bytesPerSecond: 0 }
    await expect(
      backUpNow(server.config, { ...order, report: { ...report, progress } }),
    ).rejects.toThrow(/cannot be used/)
    expect((await listBackupsNow(server.config))[0]).toMatchObject({
      ...{ target: below('full'), state: 'succeeded', error: null },
    })
  })
})
