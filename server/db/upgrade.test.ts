import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseSync } from '@photostructure/sqlite'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { runCommand } from '../../test/support/command.ts'
import { addSetting, testWrites } from '../../test/support/database-writes.ts'
import { describeDatabases, sqliteDatabases } from '../../test/support/databases.ts'
import { seededRandom } from '../../test/support/random.ts'
import { laterMigrations, migrationsUpTo } from '../../test/support/upgrades.ts'
import { type Db, openDatabase, previewUpgrade } from './database.ts'
import { keepUpgradeCopy, listUpgradeCopies } from './upgrade-copies.ts'

const opener = fileURLToPath(new URL('../../test/support/open-later-database.ts', import.meta.url))
const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const kills = 2

describeDatabases('an upgrade', (databases) => {
  test(`that is killed is finished by the next start (seed ${seed})`, {
    timeout: 60_000 * kills,
  }, async () => {
    const random = seededRandom(seed)
    const url = await fill(await databases.newUrl())
    for (let kill = 1; kill <= kills; kill += 1) {
      const killAt = random.between(0, 39)
      const args = ['--import', 'tsx', opener, url, String(killAt)]
      const { code, output } = await runCommand(process.execPath, args)
      expect({ code, output }, `killed before row ${killAt}`).toEqual({ code: null, output: '' })
      // The version before it goes on as if nothing had been.
      await using before = await openDatabase({ url })
      expect(await settingsOf(before)).toEqual(['kept'])
      expect(await hasLaterTables(before)).toBe(false)
    }
    await using db = await openDatabase({ url, migrations: laterMigrations({}) })
    expect(await settingsOf(db)).toEqual(['kept'])
    expect(await hasLaterTables(db)).toBe(true)
    const { rows } = await sql<{ rows: number }>`select rows from later_counts`.execute(db.read)
    expect(rows).toEqual([{ rows: 40 }])
  })

  test('that fails says where and leaves everything as it was', async () => {
    const url = await fill(await databases.newUrl())
    const failing = openDatabase({ url, migrations: laterMigrations({ failing: true }) })
    await expect(failing).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /migration 999-view failed, and the database is as it was: .*nowhere.*Start the former/,
      ),
    })
    await using db = await openDatabase({ url })
    expect(await settingsOf(db)).toEqual(['kept'])
    expect(await hasLaterTables(db)).toBe(false)
  })

  test('is not made by who may not: the version that has the database goes on with it', async () => {
    const url = await fill(await databases.newUrl())
    const migrations = laterMigrations({})
    await expect(openDatabase({ url, migrations, mayUpgrade: false })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /is at \d+-\w+, of an older version, and this program needs 999-view: .*entrepot migrate/,
      ),
    })
    await using before = await openDatabase({ url, mayUpgrade: false })
    expect(await settingsOf(before)).toEqual(['kept'])
    expect(await hasLaterTables(before)).toBe(false)
    const fresh = openDatabase({ url: await databases.newUrl(), mayUpgrade: false })
    await expect(fresh).rejects.toThrow('has no tables yet')
  })

  test('is refused to an older version, which is told by which one it was made', async () => {
    const url = await databases.newUrl()
    await using _ = await openDatabase({ url, migrations: laterMigrations({}), version: '9.0.0' })
    await expect(openDatabase({ url, version: '0.1.0' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /newer version of Entrepot, 9\.0\.0: this one \(0\.1\.0\) does not know its migrations 998-rows, 999-view\. Start 9\.0\.0 or a later one/,
      ),
    })
    await expect(previewUpgrade({ url, version: '0.1.0' })).rejects.toThrow('Start 9.0.0')
  })

  test('can be looked at first', async () => {
    const url = await databases.newUrl()
    await using _ = await openDatabase({ url, migrations: migrationsUpTo('008-stores') })
    const tried = databases.dialect === 'sqlite'
    const later = await previewUpgrade({ url, migrations: laterMigrations({}) })
    expect(later.from).toBe('008-stores')
    expect(later.pending.slice(0, 2)).toEqual(['009-connectors', '010-cache-checks'])
    expect(later.pending.slice(-2)).toEqual(['998-rows', '999-view'])
    expect(later.tried).toBe(tried)
    // Nothing has happened.
    const again = await previewUpgrade({ url, migrations: migrationsUpTo('008-stores') })
    expect(again).toEqual({ from: '008-stores', pending: [], tried: false })
  })
})

describe('an SQLite file that is upgraded', () => {
  const databases = sqliteDatabases()

  test('is kept as it was, for its owner alone', async () => {
    const url = await databases.newUrl()
    await (await openDatabase({ url, migrations: migrationsUpTo('009-connectors') }))[
      Symbol.asyncDispose
    ]()
    await using db = await openDatabase({ url, writes: testWrites })
    await db.write(addSetting, { name: 'new', value: 'v' })
    const [copy = '', ...others] = listUpgradeCopies(fileOf(url))
    expect(others).toEqual([])
    expect(path.basename(copy)).toMatch(/\.db\.at-009-connectors$/)
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    expect(readdirSync(path.dirname(copy)).filter((name) => /draft|wal|shm/.test(name))).toEqual([])
    await using old = await openDatabase({
      url: `sqlite:${copy}`,
      migrations: migrationsUpTo('009-connectors'),
    })
    expect(await settingsOf(old)).toEqual([])
  })

  test('keeps no copy when it is new, or up to date', async () => {
    const url = await fill(await databases.newUrl())
    await using _ = await openDatabase({ url })
    expect(listUpgradeCopies(fileOf(url))).toEqual([])
  })

  test('keeps the last three copies', async () => {
    const url = await fill(await databases.newUrl())
    const file = fileOf(url)
    for (const last of ['001', '002', '003', '004', '005']) keepUpgradeCopy(file, last)
    const kept = listUpgradeCopies(file).map((copy) => copy.slice(-3))
    expect(kept).toEqual(['005', '004', '003'])
    // Failing again and again is one copy.
    keepUpgradeCopy(file, '005')
    expect(listUpgradeCopies(file).map((copy) => copy.slice(-3))).toEqual(kept)
  })

  test('is copied whole while others write', async () => {
    const url = await databases.newUrl()
    await using db = await openDatabase({ url, writes: testWrites })
    const writing = Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        db.write(addSetting, { name: `${at}`.padStart(3, '0'), value: 'v'.repeat(5000) }),
      ),
    )
    await db.write(addSetting, { name: 'first', value: 'v' })
    const copy = keepUpgradeCopy(fileOf(url), 'now')
    await writing
    const file = new DatabaseSync(copy, { readOnly: true })
    expect(file.prepare('pragma integrity_check').all()).toMatchObject([{ integrity_check: 'ok' }])
    file.close()
  })

  test('says how to go back', async () => {
    const url = await databases.newUrl()
    await (await openDatabase({ url }))[Symbol.asyncDispose]()
    await using _ = await openDatabase({ url, migrations: laterMigrations({}), version: '9.0.0' })
    await expect(openDatabase({ url })).rejects.toThrow(
      /To go back .*put the copy .* in the place of .*upgrades.*at-013-quotas/,
    )
  })

  test('is tried on a copy, and a failure is told', async () => {
    const url = await fill(await databases.newUrl())
    const file = fileOf(url)
    const before = readFileSync(file)
    const migrations = laterMigrations({ failing: true })
    await expect(previewUpgrade({ url, migrations })).rejects.toThrow('999-view failed')
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(existsSync(`${file}.trial`)).toBe(false)
    await expect(previewUpgrade({ url: `${url}.none` })).rejects.toThrow('There is no database')
    expect(existsSync(`${file}.none`)).toBe(false)
  })
})

/** Made by this version, with something in it. */
async function fill(url: string): Promise<string> {
  await using db = await openDatabase({ url, writes: testWrites, version: '1.0.0' })
  await db.write(addSetting, { name: 'kept', value: 'v' })
  return url
}

async function settingsOf(db: Db): Promise<string[]> {
  return (await db.read.selectFrom('settings').select('name').execute()).map(({ name }) => name)
}

async function hasLaterTables(db: Db): Promise<boolean> {
  const tables = await db.read.introspection.getTables()
  return tables.some(({ name }) => name.startsWith('later_'))
}

function fileOf(url: string): string {
  return url.slice('sqlite:'.length)
}
