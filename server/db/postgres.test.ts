import { sql } from 'kysely'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import {
  addSetting,
  lockBoth,
  readDurability,
  sleepThenAdd,
  testWrites,
} from '../../test/support/database-writes.ts'
import { postgresDatabases } from '../../test/support/databases.ts'
import { findFreePort } from '../../test/support/free-port.ts'
import { openDatabase } from './database.ts'

const missing = inject('postgresMissing')

describe.skipIf(missing !== '')(`PostgreSQL${missing && ` (${missing})`}`, () => {
  const databases = postgresDatabases()

  test('runs a write again after a deadlock', async () => {
    const url = await databases.newUrl()
    const db = await databases.open({ url, writes: testWrites })
    await db.write(addSetting, { name: 'a', value: 'v' })
    await db.write(addSetting, { name: 'b', value: 'v' })
    await Promise.all([
      db.write(lockBoth, { first: 'a', second: 'b' }),
      db.write(lockBoth, { first: 'b', second: 'a' }),
    ])
    await expect.poll(async () => (await deadlocksOf(url)) > 0, { timeout: 10_000 }).toBe(true)
  })

  test('whose connection is cut says UNAVAILABLE and is reached again', async () => {
    const url = await databases.newUrl()
    const db = await databases.open({ url, writes: testWrites })
    await db.write(addSetting, { name: 'first', value: 'v' })
    const cut = db.write(sleepThenAdd, { seconds: 30, name: 'cut', value: 'v' })
    const refusal = expect(cut).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect.poll(() => endConnections(url, 'active'), { timeout: 10_000 }).toBeGreaterThan(0)
    await refusal
    await endConnections(url, 'idle')
    // The pool may hand out a connection before it hears of its end; never twice.
    await db.write(addSetting, { name: 'second', value: 'v' }).catch(() => {})
    await expect.poll(() => db.check().then(() => 'well', String), { timeout: 10_000 }).toBe('well')
    await db.write(addSetting, { name: 'third', value: 'v' })
    const rows = await db.read.selectFrom('settings').select('name').execute()
    expect(rows).toContainEqual({ name: 'third' })
    expect(rows).not.toContainEqual({ name: 'cut' })
  })

  test('that nobody serves is UNAVAILABLE, and the reason is named', async () => {
    const url = `postgres://test:secret@127.0.0.1:${await findFreePort()}/postgres`
    const error = await openDatabase({ url }).catch((thrown) => thrown)
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/Cannot open the PostgreSQL database.*ECONNREFUSED/),
    })
    expect(error.message).not.toContain('secret')
  })

  test('limits how long a statement and a pause may take', async () => {
    const db = await databases.open()
    const { rows } = await sql<{ name: string; setting: number }>`
      select name, setting::int as setting from pg_settings
      where name in ('statement_timeout', 'idle_in_transaction_session_timeout')`.execute(db.read)
    expect(rows).toHaveLength(2)
    for (const { setting } of rows) {
      expect(setting).toBeGreaterThan(1000)
      expect(setting).toBeLessThanOrEqual(60_000)
    }
  })

  describe('commits durably', () => {
    const settingOf = async (url: string) => {
      const db = await databases.open({ url, writes: testWrites })
      return (await db.write(readDurability, {})).value
    }
    const withOptions = (url: string, options: string) => {
      const address = new URL(url)
      address.searchParams.set('options', options)
      return address.href
    }

    test('whatever the server, the database or the role has set', async () => {
      const url = await databases.newUrl()
      const { pathname } = new URL(url)
      await withClient(url, async (client) => {
        await client.query(`alter database ${pathname.slice(1)} set synchronous_commit = off`)
        await client.query(
          `alter role test in database ${pathname.slice(1)} set synchronous_commit = off`,
        )
      })
      expect(await withClient(url, durabilityOf)).toBe('off')
      expect(await settingOf(url)).toBe('on')
    })

    test('also with other options in the URL', async () => {
      const url = await databases.newUrl()
      expect(await settingOf(withOptions(url, '-c work_mem=5MB'))).toBe('on')
      const db = await databases.open({ url: withOptions(url, '-c work_mem=5MB') })
      const { rows } = await sql<{ work_mem: string }>`show work_mem`.execute(db.read)
      expect(rows).toEqual([{ work_mem: '5MB' }])
    })

    test('unless the URL says otherwise', async () => {
      const options = '-c synchronous_commit=remote_apply'
      expect(await settingOf(withOptions(await databases.newUrl(), options))).toBe('remote_apply')
    })
  })

  test('compares all text byte by byte, as SQLite does', async () => {
    const db = await databases.open()
    const { rows } = await sql`
      select c.relname, a.attname, l.collname
      from pg_attribute a join pg_class c on c.oid = a.attrelid
        join pg_namespace n on n.oid = c.relnamespace join pg_collation l on l.oid = a.attcollation
      where n.nspname = 'public' and c.relkind = 'r' and c.relname not like 'kysely%'
        and l.collname <> 'C'`.execute(db.read)
    expect(rows).toEqual([])
  })

  test('does not wait for a lock to read', async () => {
    const url = await databases.newUrl()
    const db = await databases.open({ url, writes: testWrites })
    const writes = Array.from({ length: 12 }, (_, index) =>
      db.write(sleepThenAdd, { seconds: 1, name: `n${index}`, value: 'v' }),
    )
    const started = performance.now()
    await db.read.selectFrom('settings').selectAll().execute()
    expect(performance.now() - started).toBeLessThan(900)
    await Promise.all(writes)
  })
})

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

async function durabilityOf(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query('show synchronous_commit')
  return rows[0]?.synchronous_commit
}

async function deadlocksOf(url: string): Promise<number> {
  const { rows } = await withClient(url, (client) =>
    client.query('select deadlocks from pg_stat_database where datname = current_database()'),
  )
  return Number(rows[0]?.deadlocks)
}

/** Ends the other connections of this state to the same database; how many there were. */
async function endConnections(url: string, state: 'active' | 'idle'): Promise<number> {
  const { rows } = await withClient(url, (client) =>
    client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and state = $1`,
      [state],
    ),
  )
  return rows.length
}
