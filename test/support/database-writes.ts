import { sql } from 'kysely'
import type { Queries } from '../../server/db/database.ts'
import { type Params, prepared } from '../../server/db/prepared.ts'
import { nowMs } from '../../server/db/sql.ts'
import type { Write, WriteTable } from '../../server/db/writes.ts'
import { RegistryError } from '../../server/domain/errors.ts'

// Writes for the tests of the database itself; the writer thread imports this module.

export async function addSetting(trx: Queries, row: { name: string; value: string }) {
  await trx.insertInto('settings').values(row).execute()
  return { name: row.name }
}

export async function addThenRefuse(trx: Queries, row: { name: string; value: string }) {
  await addSetting(trx, row)
  throw new RegistryError('DENIED', 'Not this one.', {
    detail: { names: ['a', 'b'], size: 3 },
    headers: { 'Retry-After': '7' },
    cause: new Error('the reason'),
  })
}

export async function addThenFail(trx: Queries, row: { name: string; value: string }) {
  await addSetting(trx, row)
  throw new TypeError('a mistake in a write')
}

/** Throws while its statement is still on its way. */
export async function throwBeforeAwaiting(trx: Queries, row: { name: string; value: string }) {
  addSetting(trx, row).catch(() => {})
  throw new RegistryError('DENIED')
}

export async function echoBytes(_: Queries, input: { bytes: Uint8Array }) {
  return { bytes: input.bytes, pooled: input.bytes.buffer.byteLength !== input.bytes.byteLength }
}

export async function returnFunction() {
  return { notPlain: () => 1 }
}

/** Keeps the thread busy, so that what is sent meanwhile makes one group. */
export async function blockThread(_: Queries, input: { ms: number }) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, input.ms)
}

/** What SQLite does by itself after some I/O errors. */
export async function loseTransaction(trx: Queries, row: { name: string; value: string }) {
  await addSetting(trx, row)
  await sql`rollback`.execute(trx)
  await addSetting(trx, { ...row, name: `${row.name}, after it` })
}

export async function limitPages(trx: Queries, input: { pages: number }) {
  await sql.raw(`pragma max_page_count = ${input.pages}`).execute(trx)
}

/** In a worker this ends the thread alone. */
export async function endThread(trx: Queries, row: { name: string; value: string }) {
  await addSetting(trx, row)
  process.exit(3)
}

/** Locks two rows, slowly, in the order given. */
export async function lockBoth(trx: Queries, input: { first: string; second: string }) {
  await setValue(trx, input.first)
  await sql`select pg_sleep(0.2)`.execute(trx)
  await setValue(trx, input.second)
}

async function setValue(trx: Queries, name: string) {
  await trx.updateTable('settings').set({ value: 'locked' }).where('name', '=', name).execute()
}

export async function sleepThenAdd(
  trx: Queries,
  input: { seconds: number; name: string; value: string },
) {
  await sql`select pg_sleep(${sql.lit(input.seconds)})`.execute(trx)
  await addSetting(trx, { name: input.name, value: input.value })
}

const insertSetting = prepared((db, p: Params<{ name: string; value: string }>) =>
  db.insertInto('settings').values({ name: p.name, value: p.value }),
)
const changeSetting = prepared((db, p: Params<{ name: string; value: string }>) =>
  db.updateTable('settings').set({ value: p.value }).where('name', '=', p.name),
)

export async function addPrepared(trx: Queries, row: { name: string; value: string }) {
  const added = await insertSetting.run(trx, row)
  const changed = await changeSetting.run(trx, { name: row.name, value: `${row.value}2` })
  return { added, changed }
}

/** As if a newer version had been here. */
export async function markNewer(trx: Queries) {
  await sql`insert into kysely_migration (name, "timestamp")
    values ('999-later', '2999-01-01T00:00:00.000Z')`.execute(trx)
}

export async function addAndDeleteStore(trx: Queries) {
  const { id } = await trx
    .insertInto('stores')
    .values({ type: 'disk', settings: '{}', created_at: nowMs })
    .returning('id')
    .executeTakeFirstOrThrow()
  await trx.deleteFrom('stores').where('id', '=', id).execute()
  return { id }
}

/** What a commit on this connection waits for; PostgreSQL only. */
export async function readDurability(trx: Queries, _: object) {
  const { rows } = await sql<{ value: string }>`
    select current_setting('synchronous_commit') as value`.execute(trx)
  return { value: rows[0]?.value }
}

export const writes: Readonly<Record<string, Write>> = {
  addAndDeleteStore,
  addPrepared,
  addSetting,
  addThenFail,
  addThenRefuse,
  blockThread,
  echoBytes,
  endThread,
  limitPages,
  lockBoth,
  loseTransaction,
  markNewer,
  readDurability,
  returnFunction,
  sleepThenAdd,
  throwBeforeAwaiting,
}

export const testWrites: WriteTable = { module: import.meta.url, writes }
