import { readFileSync, statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { expect, onTestFinished, test } from 'vitest'
import {
  addSetting,
  blockThread,
  endThread,
  limitPages,
  loseTransaction,
  returnFunction,
  testWrites,
  throwBeforeAwaiting,
} from '../../test/support/database-writes.ts'
import { sqliteDatabases } from '../../test/support/databases.ts'
import { type DatabaseLog, type Db, openDatabase } from './database.ts'

const databases = sqliteDatabases()

test('writes that wait share a commit', async () => {
  const { db, file } = await openNew()
  const before = commitsIn(`${file}-wal`)
  const block = db.write(blockThread, { ms: 200 })
  const calls = Array.from({ length: 100 }, (_, index) =>
    db.write(addSetting, { name: `n${index}`, value: 'v' }),
  )
  await Promise.all([block, ...calls])
  expect(await countSettings(db)).toBe(100)
  // 100 writes in groups of at most 64.
  expect(commitsIn(`${file}-wal`) - before).toBeGreaterThanOrEqual(2)
  expect(commitsIn(`${file}-wal`) - before).toBeLessThanOrEqual(3)
})

test('a statement that comes after its write has failed changes nothing', async () => {
  const { db } = await openNew()
  const failing = db.write(throwBeforeAwaiting, { name: 'late', value: 'v' })
  const next = db.write(addSetting, { name: 'next', value: 'v' })
  await expect(failing).rejects.toMatchObject({ code: 'DENIED' })
  await next
  expect(await db.read.selectFrom('settings').select('name').execute()).toEqual([{ name: 'next' }])
})

test('a group that SQLite rolls back is refused as a whole, and the next one works', async () => {
  const { db } = await openNew()
  const block = db.write(blockThread, { ms: 200 })
  const lost = [
    db.write(addSetting, { name: 'before', value: 'v' }),
    db.write(loseTransaction, { name: 'culprit', value: 'v' }),
    db.write(addSetting, { name: 'after', value: 'v' }),
  ]
  // The first may have come into the same group.
  const [, ...results] = await Promise.allSettled([block, ...lost])
  for (const result of results) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } })
  }
  expect(await countSettings(db)).toBe(0)
  await db.write(addSetting, { name: 'next', value: 'v' })
  expect(await countSettings(db)).toBe(1)
})

test('a full disk is STORAGE_FULL, and what was there is still read', async () => {
  const { db } = await openNew()
  await db.write(addSetting, { name: 'first', value: 'v' })
  await db.write(limitPages, { pages: 1 })
  const large = { name: 'large', value: 'v'.repeat(1_000_000) }
  await expect(db.write(addSetting, large)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
  expect(await countSettings(db)).toBe(1)
  await db.write(limitPages, { pages: 100_000 })
  await db.write(addSetting, large)
  expect(await countSettings(db)).toBe(2)
})

test('an output that is no plain data fails its own write alone', async () => {
  const { db } = await openNew()
  const block = db.write(blockThread, { ms: 100 })
  const wrong = db.write(returnFunction, {} as never)
  const right = db.write(addSetting, { name: 'a', value: 'v' })
  await expect(wrong).rejects.toThrow('could not be cloned')
  expect(await right).toEqual({ name: 'a' })
  await block
})

test('an input that is no plain data is refused', async () => {
  const { db } = await openNew()
  const row = { name: 'a', value: (() => 1) as unknown as string }
  await expect(db.write(addSetting, row)).rejects.toThrow('could not be cloned')
  await db.write(addSetting, { name: 'a', value: 'v' })
})

test('when the thread has died, writes are refused, check says why, and reads go on', async () => {
  const warnings: string[] = []
  const { db } = await openNew({ info: () => {}, warn: (_, message) => warnings.push(message) })
  await db.write(addSetting, { name: 'kept', value: 'v' })
  const pending = [
    db.write(endThread, { name: 'lost', value: 'v' }),
    db.write(addSetting, { name: 'lost too', value: 'v' }),
  ]
  for (const result of await Promise.allSettled(pending)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } })
  }
  await expect(db.write(addSetting, { name: 'b', value: 'v' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  await expect(db.check()).rejects.toThrow('writer thread has ended')
  expect(await db.read.selectFrom('settings').select('name').execute()).toEqual([{ name: 'kept' }])
  expect(warnings).toHaveLength(1)
})

test('closing waits for what is queued, and takes no more', async () => {
  const { db, file, url } = await openNew()
  const block = db.write(blockThread, { ms: 100 })
  const calls = Array.from({ length: 80 }, (_, index) =>
    db.write(addSetting, { name: `n${index}`, value: 'v' }),
  )
  const closed = db[Symbol.asyncDispose]()
  await expect(db.write(addSetting, { name: 'late', value: 'v' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  await Promise.all([block, ...calls, closed])
  expect(statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
  expect(await countSettings(await databases.open({ url }))).toBe(80)
})

test('a write waits for another process that writes', async () => {
  const { db, file } = await openNew()
  const other = new DatabaseSync(file)
  other.exec(`begin immediate; insert into settings values ('theirs', 'v')`)
  const ours = db.write(addSetting, { name: 'ours', value: 'v' })
  await wait(200)
  expect(await countSettings(db)).toBe(0)
  other.exec('commit')
  other.close()
  await ours
  expect(await countSettings(db)).toBe(2)
})

async function openNew(log?: DatabaseLog) {
  const url = await databases.newUrl()
  const db = await openDatabase({ url, writes: testWrites, ...(log && { log }) })
  onTestFinished(() => db[Symbol.asyncDispose]())
  return { db, url, file: url.slice('sqlite:'.length) }
}

async function countSettings(db: Db): Promise<number> {
  return (await db.read.selectFrom('settings').select('name').execute()).length
}

/** Commits in a write-ahead log: frames that carry the size of the database (fileformat2, 4.1). */
function commitsIn(file: string): number {
  const log = readFileSync(file)
  const pageSize = log.length === 0 ? 0 : log.readUInt32BE(8)
  let commits = 0
  for (let frame = 32; frame + 24 <= log.length; frame += 24 + pageSize) {
    commits += log.readUInt32BE(frame + 4) > 0 ? 1 : 0
  }
  return commits
}
