import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import {
  addSetting,
  addThenFail,
  addThenRefuse,
  echoBytes,
  testWrites,
} from '../../test/support/database-writes.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { RegistryError } from '../domain/errors.ts'
import { type Db, openDatabase } from './database.ts'
import { greatest, nowMs } from './sql.ts'

describeDatabases('a database', (databases) => {
  const open = () => databases.open({ writes: testWrites })

  test('is ready when it is open, and says so', async () => {
    const db = await open()
    await db.check()
    expect(await names(db)).toEqual([])
  })

  test('shows a write to the reads that follow it', async () => {
    const db = await open()
    for (let count = 0; count < 50; count += 1) {
      expect(await db.write(addSetting, { name: `n${count}`, value: 'v' })).toEqual({
        name: `n${count}`,
      })
      expect(await names(db)).toHaveLength(count + 1)
    }
  })

  test('undoes a refused write and hands the refusal over intact', async () => {
    const db = await open()
    const refusal = await db.write(addThenRefuse, { name: 'a', value: 'v' }).catch((error) => error)
    expect(refusal).toBeInstanceOf(RegistryError)
    expect(refusal).toMatchObject({
      code: 'DENIED',
      status: 403,
      message: 'Not this one.',
      detail: { names: ['a', 'b'], size: 3 },
      headers: { 'Retry-After': '7' },
      cause: { message: 'the reason' },
    })
    expect(refusal.stack).toContain('addThenRefuse')
    expect(await names(db)).toEqual([])
  })

  test('undoes a failed write and keeps the name and stack of its error', async () => {
    const db = await open()
    const error = await db.write(addThenFail, { name: 'a', value: 'v' }).catch((thrown) => thrown)
    expect(error).toMatchObject({ name: 'TypeError', message: 'a mistake in a write' })
    expect(error.stack).toContain('addThenFail')
    expect(await names(db)).toEqual([])
  })

  test('calls a broken key a conflict', async () => {
    const db = await open()
    await db.write(addSetting, { name: 'a', value: '1' })
    const second = db.write(addSetting, { name: 'a', value: '2' })
    await expect(second).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await db.read.selectFrom('settings').select('value').execute()).toEqual([{ value: '1' }])
  })

  test('isolates writes that run at the same time', async () => {
    const db = await open()
    const calls = Array.from({ length: 90 }, (_, index) => {
      const row = { name: `n${String(index).padStart(2, '0')}`, value: 'v' }
      return index % 3 === 0 ? db.write(addThenRefuse, row) : db.write(addSetting, row)
    })
    const results = await Promise.allSettled(calls)
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(30)
    const kept = Array.from({ length: 90 }, (_, index) => index).filter((index) => index % 3 !== 0)
    expect(await names(db)).toEqual(kept.map((index) => `n${String(index).padStart(2, '0')}`))
  })

  test('takes bytes, also as a small Buffer', async () => {
    const db = await open()
    const { bytes, pooled } = await db.write(echoBytes, { bytes: Buffer.from('small') })
    expect(Buffer.from(bytes).toString()).toBe('small')
    expect(pooled).toBe(databases.dialect === 'postgres')
  })

  test('refuses a write that is not listed', async () => {
    const db = await open()
    const stranger = async () => null
    await expect(db.write(stranger, {} as never)).rejects.toThrow('"stranger" is not listed')
  })

  test('refuses parameters that the databases would bind as something else', async () => {
    const db = await open()
    for (const value of [undefined, new Date(0), { a: 1 }, [1]]) {
      const query = sql`select ${value} as value`.execute(db.read)
      await expect(query).rejects.toThrow(TypeError)
    }
  })

  test('gives integers, sums and counts as numbers', async () => {
    const db = await open()
    const { rows } = await sql`
      select 5000000000 as big, count(*) as many, sum(v) as total, max(v) as most
      from (select 4000000000 as v union all select 4000000000) as numbers`.execute(db.read)
    expect({ ...(rows[0] as object) }).toEqual({
      big: 5e9,
      many: 2,
      total: 8e9,
      most: 4e9,
    })
  })

  test('has one clock, and picks the greater number', async () => {
    const db = await open()
    const before = Date.now()
    const row = await db.read
      .selectNoFrom([
        nowMs.as('now'),
        greatest(sql<number>`3`, 2).as('left'),
        greatest(2, nowMs).as('right'),
      ])
      .executeTakeFirstOrThrow()
    expect(row.now).toBeGreaterThanOrEqual(before - 1000)
    expect(row.now).toBeLessThan(Date.now() + 1000)
    expect(Number.isInteger(row.now)).toBe(true)
    expect(row.left).toBe(3)
    expect(row.right).toBeGreaterThanOrEqual(row.now)
  })

  test('locks rows where there are row locks to take', async () => {
    const db = await open()
    const rows = db.read.selectFrom('repositories').select('id')
    const clauses = [rows.forUpdate(), rows.forNoKeyUpdate(), rows.forShare().skipLocked()]
    for (const query of clauses) {
      expect(query.compile().sql.includes(' for ')).toBe(databases.dialect === 'postgres')
      expect(await query.execute()).toEqual([])
    }
  })

  test('has the tables and columns of the schema', async () => {
    const db = await open()
    const tables = await db.read.introspection.getTables()
    const found = tables.map(({ name, columns }) => [name, columns.map((each) => each.name).sort()])
    expect(Object.fromEntries(found)).toEqual(schemaColumns())
  })

  test('is opened again with what was written, its tables unchanged', async () => {
    const url = await databases.newUrl()
    const first = await openDatabase({ url, writes: testWrites })
    await first.write(addSetting, { name: 'kept', value: 'v' })
    await first[Symbol.asyncDispose]()
    const second = await databases.open({ url })
    expect(await names(second)).toEqual(['kept'])
  })
})

describe('an address', () => {
  test('of an unknown kind is refused', async () => {
    for (const url of ['mysql://localhost/x', 'sqlite:', 'sqlite::memory:', '']) {
      await expect(openDatabase({ url })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    }
  })
})

async function names(db: Db): Promise<string[]> {
  const rows = await db.read.selectFrom('settings').select('name').orderBy('name').execute()
  return rows.map(({ name }) => name)
}

/** Table → columns, read from the interfaces of the schema, which leave nothing behind at run time. */
function schemaColumns(): Record<string, string[]> {
  const parts = [
    ...['access', 'backup', 'cleanup', 'connector', 'job', 'pull', 'record', 'size', 'store'],
  ]
  const text = ['schema.ts', ...parts.map((part) => `${part}-schema.ts`)]
    .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
    .join('\n')
  const interfaces = new Map(
    [...text.matchAll(/export interface (\w+)(?:\s+extends ([\w,\s]+))? \{\n([\s\S]*?)\n\}/g)].map(
      ([, name = '', bases = '', body = '']) => [name, { bases: bases.split(/,\s+/), body }],
    ),
  )
  const fieldsOf = (name: string): { name: string; type: string }[] => {
    const { bases, body } = interfaces.get(name) ?? { bases: [], body: '' }
    const own = [...body.matchAll(/^ {2}(\w+): (.+)$/gm)]
    return [
      ...own.map(([, name = '', type = '']) => ({ name, type })),
      ...bases.flatMap((base) => fieldsOf(base)),
    ]
  }
  return Object.fromEntries(
    fieldsOf('Schema').map(({ name, type }) => [
      name,
      fieldsOf(type)
        .map((field) => field.name)
        .sort(),
    ]),
  )
}
