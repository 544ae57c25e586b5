import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseSync } from '@photostructure/sqlite'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { runCommand } from '../../test/support/command.ts'
import {
  addAndDeleteStore,
  addSetting,
  markNewer,
  testWrites,
} from '../../test/support/database-writes.ts'
import { describeDatabases, sqliteDatabases } from '../../test/support/databases.ts'
import { openDatabase, type Queries } from './database.ts'

const opener = fileURLToPath(new URL('../../test/support/open-database.ts', import.meta.url))

// Each process compiles the server's source first.
const startTimeout = 60_000

describeDatabases('a database that starts', (databases) => {
  test('is made once when several processes start together', {
    timeout: startTimeout,
  }, async () => {
    const url = await databases.newUrl()
    const processes = Array.from({ length: 3 }, () =>
      runCommand(process.execPath, ['--import', 'tsx', opener, url]),
    )
    for (const { code, output } of await Promise.all(processes)) {
      expect({ code, output }).toEqual({ code: 0, output: 'opened with 0 settings\n' })
    }
    const db = await databases.open({ url })
    expect(await migrationsOf(db.read)).toEqual([
      ...['001-core', '002-access', '003-locked-keys', '004-audit-indexes', '005-browsing'],
      ...['006-jobs', '007-retention-sizes', '008-stores', '009-connectors'],
      '010-cache-checks',
      '011-former-stores',
      '012-backups',
      '013-quotas',
    ])
  })

  test('serves a second process while a first one writes', { timeout: startTimeout }, async () => {
    const url = await databases.newUrl()
    const db = await databases.open({ url, writes: testWrites })
    await db.write(addSetting, { name: 'a', value: 'v' })
    const { output } = await runCommand(process.execPath, ['--import', 'tsx', opener, url])
    expect(output).toBe('opened with 1 settings\n')
    await db.write(addSetting, { name: 'b', value: 'v' })
  })

  test('refuses what a newer version made', async () => {
    const url = await databases.newUrl()
    const db = await databases.open({ url, writes: testWrites })
    await db.write(markNewer, {} as never)
    await expect(openDatabase({ url })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/newer version of Entrepot.*999-later/),
    })
  })
})

describe('an SQLite file', () => {
  const databases = sqliteDatabases()

  test('and the folder made for it are for their owner alone', async () => {
    const file = path.join(path.dirname(fileOf(await databases.newUrl())), 'a', 'b', 'entrepot.db')
    await databases.open({ url: `sqlite:${file}` })
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700)
    for (const each of [file, `${file}-wal`]) {
      expect(statSync(each).mode & 0o777).toBe(0o600)
    }
  })

  test('that is no database is refused, by name', async () => {
    const url = await databases.newUrl()
    writeFileSync(fileOf(url), 'Not a database. '.repeat(1000))
    await expect(openDatabase({ url })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `Cannot open the database ${fileOf(url)}: The database file is not a database.`,
    })
  })

  test('of another program is refused and left alone', async () => {
    const url = await databases.newUrl()
    const other = new DatabaseSync(fileOf(url))
    other.exec('create table theirs (id integer)')
    await expect(openDatabase({ url })).rejects.toThrow('belongs to another program')
    const tables = other.prepare('select name from sqlite_schema').all()
    expect(tables).toMatchObject([{ name: 'theirs' }])
    other.close()
  })

  test('whose folder cannot be made is refused', async () => {
    const file = fileOf(await databases.newUrl())
    writeFileSync(file, '')
    const below = openDatabase({ url: `sqlite:${path.join(file, 'entrepot.db')}` })
    await expect(below).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('has an index for every foreign key', async () => {
    const db = await databases.open()
    const { rows } = await sql<{ child: string; columns: string }>`
      select t.name as child, group_concat(k."from", ',' order by k.seq) as columns
      from pragma_table_list as t, pragma_foreign_key_list(t.name) as k
      group by t.name, k.id`.execute(db.read)
    expect(rows.length).toBeGreaterThan(20)
    const { rows: indexes } = await sql<{ child: string; columns: string }>`
      select t.name as child, group_concat(c.name, ',' order by c.seqno) as columns
      from pragma_table_list as t, pragma_index_list(t.name) as i, pragma_index_info(i.name) as c
      where i.partial = 0
      group by t.name, i.name
      union all
      select t.name, c.name from pragma_table_list as t, pragma_table_info(t.name) as c
      where c.pk = 1 and t.wr = 0`.execute(db.read)
    const bare = rows.filter(
      ({ child, columns }) =>
        !indexes.some(
          (index) => index.child === child && `${index.columns},`.startsWith(`${columns},`),
        ),
    )
    expect(bare).toEqual([])
  })

  test('never uses the number of a deleted row again', async () => {
    const db = await databases.open({ writes: testWrites })
    const first = await db.write(addAndDeleteStore, {} as never)
    const second = await db.write(addAndDeleteStore, {} as never)
    expect(second.id).toBeGreaterThan(first.id)
  })
})

function fileOf(url: string): string {
  return url.slice('sqlite:'.length)
}

async function migrationsOf(db: Queries): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  return rows.map(({ name }) => name)
}
