import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import { keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEventBy } from './events.ts'
import { nowMs } from './sql.ts'

/** A directory as it is stored; `secret` is encrypted, and for `auth` alone. */
export interface DirectoryRecord {
  readonly id: number
  readonly kind: 'ldap' | 'oidc'
  readonly name: string
  readonly key: string
  readonly enabled: boolean
  /** JSON, without secrets. */
  readonly settings: string
  readonly secret: string | null
}

/** Every directory, in the order in which they are asked. */
export async function listDirectoryRecords(db: Queries): Promise<DirectoryRecord[]> {
  const rows = await db
    .selectFrom('directories')
    .selectAll()
    .orderBy('position')
    .orderBy('id')
    .execute()
  return rows.map(({ id, kind, name, key, enabled, settings, secret }) => ({
    ...{ id, kind, name, key, settings, secret },
    enabled: enabled === 1,
  }))
}

export interface NewDirectory extends Omit<DirectoryRecord, 'id'> {
  readonly by: Actor
}

/** Behind all others. Throws CONFLICT when the name is taken. */
export async function insertDirectory(trx: Queries, input: NewDirectory): Promise<number> {
  const { kind, name, key, settings, secret, enabled, by } = input
  const row = await trx
    .insertInto('directories')
    .values((eb) => ({
      ...{ kind, name, key, settings, secret, enabled: enabled ? 1 : 0 },
      position: eb
        .selectFrom('directories')
        .select((each) => each.fn.coalesce(each.fn.max('position'), each.lit(0)).as('last')),
      created_at: nowMs,
    }))
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw nameTaken(name)
  await trx.updateTable('directories').set({ position: row.id }).where('id', '=', row.id).execute()
  await insertEventBy(trx, 'directory.created', by, { directory: name, kind, enabled })
  return row.id
}

export interface DirectoryChange {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly enabled: boolean
  readonly settings: string
  readonly secret: string | null
  /** Names of the settings that change, for the audit. */
  readonly changed: readonly string[]
  readonly by: Actor
}

/** Throws NOT_FOUND, or CONFLICT when the name is taken. */
export async function updateDirectory(trx: Queries, input: DirectoryChange): Promise<void> {
  const { id, name, key, enabled, settings, secret, changed, by } = input
  const other = await trx
    .selectFrom('directories')
    .select('id')
    .where('key', '=', key)
    .executeTakeFirst()
  if (other !== undefined && other.id !== id) throw nameTaken(name)
  const { numUpdatedRows } = await trx
    .updateTable('directories')
    .set({ name, key, enabled: enabled ? 1 : 0, settings, secret })
    .where('id', '=', id)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw notFound(name)
  await insertEventBy(trx, 'directory.changed', by, { directory: name, changed })
}

/** Asks them in this order from now on; those that are not named come after, as they were. */
export async function orderDirectories(
  trx: Queries,
  input: { readonly ids: readonly number[]; readonly by: Actor },
): Promise<void> {
  const all = await listDirectoryRecords(trx)
  const named = input.ids.flatMap((id) => all.filter((directory) => directory.id === id))
  const ordered = [...named, ...all.filter(({ id }) => !input.ids.includes(id))]
  for (const [position, { id }] of ordered.entries()) {
    await trx.updateTable('directories').set({ position }).where('id', '=', id).execute()
  }
  await insertEventBy(trx, 'directory.ordered', input.by, {
    directories: ordered.map(({ name }) => name),
  })
}

/**
 * Whether there was such a directory. Throws IN_USE while it has users, unless they are to go with
 * it; CONFLICT when nobody could administer the server then.
 */
export async function deleteDirectory(
  trx: Queries,
  input: { readonly id: number; readonly withUsers: boolean; readonly by: Actor },
): Promise<boolean> {
  const { id, withUsers, by } = input
  return await keepAdministrator(trx, async () => {
    const directory = (await listDirectoryRecords(trx)).find((each) => each.id === id)
    if (directory === undefined) return false
    const users = await trx
      .selectFrom('users')
      .select(['id', 'name'])
      .where('directory_id', '=', id)
      .execute()
    if (users.length > 0 && !withUsers) {
      throw new RegistryError(
        'IN_USE',
        `The directory "${directory.name}" has ${users.length} users here, ${users[0]?.name} among them: delete them with it, or disable it.`,
      )
    }
    await trx
      .deleteFrom('refresh_tokens')
      .where('principal_kind', '=', 'user')
      .where('principal_id', 'in', (eb) =>
        eb.selectFrom('users').select('id').where('directory_id', '=', id),
      )
      .execute()
    await trx.deleteFrom('users').where('directory_id', '=', id).execute()
    await trx.deleteFrom('directories').where('id', '=', id).execute()
    await insertEventBy(trx, 'directory.deleted', by, {
      directory: directory.name,
      users: users.length,
    })
    return true
  })
}

function nameTaken(name: string): RegistryError {
  return new RegistryError('CONFLICT', `There is a directory "${name}" already.`)
}

function notFound(name: string): RegistryError {
  return new RegistryError('NOT_FOUND', `There is no directory "${name}".`)
}
