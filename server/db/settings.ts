import type { Actor } from '../domain/actor.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { type Params, prepared } from './prepared.ts'

const byName = prepared((db: Queries, p: Params<{ name: string }>) =>
  db.selectFrom('settings').select('value').where('name', '=', p.name),
)

/** The setting's value, undefined if it was never set. */
export async function findSetting(db: Queries, name: string): Promise<string | undefined> {
  return (await byName.find(db, { name }))?.value
}

/** Every setting that was set, by name. */
export async function listSettings(db: Queries): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom('settings').selectAll().orderBy('name').execute()
  return new Map(rows.map(({ name, value }) => [name, value]))
}

const serverId = 'Server.Id'

/** The random id by which backups know whose they are, undefined before `claimServerId`. */
export function findServerId(db: Queries): Promise<string | undefined> {
  return findSetting(db, serverId)
}

/** Makes this the server's id unless it has one; the one that it has. A restored server keeps it. */
export async function claimServerId(
  trx: Queries,
  { id }: { readonly id: string },
): Promise<string> {
  await trx
    .insertInto('settings')
    .values({ name: serverId, value: id })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute()
  return (await findServerId(trx)) ?? id
}

/** Sets it; null takes it back to its default. */
export async function setSetting(
  trx: Queries,
  input: { readonly name: string; readonly value: string | null },
): Promise<void> {
  const { name, value } = input
  if (value === null) {
    await trx.deleteFrom('settings').where('name', '=', name).execute()
    return
  }
  await trx
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}

/** As `setSetting`, by somebody: the audit has it. No setting is a secret. */
export async function changeSetting(
  trx: Queries,
  input: { readonly name: string; readonly value: string | null; readonly by: Actor },
): Promise<void> {
  const { name, value, by } = input
  await setSetting(trx, { name, value })
  await insertEvent(trx, {
    kind: 'setting.changed',
    by: by.name,
    address: by.address,
    detail: { name, value },
  })
}
