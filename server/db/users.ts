import { randomInt } from 'node:crypto'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

/** A user as it is stored; `passwordHash` is for `auth` alone. */
export interface UserAccount {
  readonly id: number
  /** As typed. */
  readonly name: string
  readonly key: string
  readonly displayName: string
  readonly email: string
  readonly passwordHash: string
  readonly credentialVersion: number
  readonly administrator: boolean
  readonly active: boolean
}

export interface NewUser {
  readonly name: string
  /** `userKey(name)`. */
  readonly key: string
  readonly displayName: string
  readonly email: string
  readonly passwordHash: string
  readonly administrator: boolean
}

const byKey = prepared((db: Queries, p: Params<{ key: string }>) =>
  db.selectFrom('users').selectAll().where('key', '=', p.key),
)
const byId = prepared((db: Queries, p: Params<{ id: number }>) =>
  db.selectFrom('users').selectAll().where('id', '=', p.id),
)
type Row = NonNullable<Awaited<ReturnType<typeof byId.find>>>

export async function findUserByKey(db: Queries, key: string): Promise<UserAccount | undefined> {
  const row = await byKey.find(db, { key })
  return row && account(row)
}

export async function findUser(db: Queries, id: number): Promise<UserAccount | undefined> {
  const row = await byId.find(db, { id })
  return row && account(row)
}

/** Whether there is any user at all: a server without one has never been started. */
export async function hasUsers(db: Queries): Promise<boolean> {
  const row = await db.selectFrom('users').select('id').limit(1).executeTakeFirst()
  return row !== undefined
}

/**
 * Makes this user an administrator if there is no user at all; whether it did. Of several at once
 * one does: they all name the same user.
 */
export async function ensureAdministrator(
  trx: Queries,
  input: Omit<NewUser, 'administrator'>,
): Promise<boolean> {
  if (await hasUsers(trx)) return false
  return (await insertUser(trx, { ...input, administrator: true })) !== null
}

/** The new user's id; null if the name is taken. */
export async function insertUser(trx: Queries, input: NewUser): Promise<number | null> {
  const row = await trx
    .insertInto('users')
    .values({
      name: input.name,
      key: input.key,
      display_name: input.displayName,
      email: input.email,
      password_hash: input.passwordHash,
      credential_version: firstCredentialVersion(),
      administrator: input.administrator ? 1 : 0,
      active: 1,
      created_at: nowMs,
    })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('id')
    .executeTakeFirst()
  return row?.id ?? null
}

/** Whether there is such a user. All that was issued for the old password is void. */
export async function setPassword(
  trx: Queries,
  input: { readonly userId: number; readonly passwordHash: string },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set((eb) => ({
      password_hash: input.passwordHash,
      credential_version: eb('credential_version', '+', 1),
    }))
    .where('id', '=', input.userId)
    .executeTakeFirst()
  await forgetLogins(trx, input.userId)
  return numUpdatedRows > 0n
}

/** Allows or forbids the user to log in; whether there is such a user. */
export async function setUserActive(
  trx: Queries,
  input: { readonly userId: number; readonly active: boolean },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set((eb) => ({
      active: input.active ? 1 : 0,
      credential_version: eb('credential_version', '+', 1),
    }))
    .where('id', '=', input.userId)
    .executeTakeFirst()
  await forgetLogins(trx, input.userId)
  return numUpdatedRows > 0n
}

/**
 * Somewhere at random: if an id ever comes again (a database restored from a backup, or begun anew
 * beside the old secret key), tokens of its former owner do not fit.
 */
export function firstCredentialVersion(): number {
  return randomInt(1, 2 ** 30)
}

async function forgetLogins(trx: Queries, userId: number): Promise<void> {
  await trx
    .deleteFrom('refresh_tokens')
    .where('principal_kind', '=', 'user')
    .where('principal_id', '=', userId)
    .execute()
}

function account(row: Row): UserAccount {
  return {
    id: row.id,
    name: row.name,
    key: row.key,
    displayName: row.display_name,
    email: row.email,
    passwordHash: row.password_hash,
    credentialVersion: row.credential_version,
    administrator: row.administrator === 1,
    active: row.active === 1,
  }
}
