import { randomInt } from 'node:crypto'
import { allowAdministration, keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { type KeyPage, textSearch } from './key-page.ts'
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
  readonly active: boolean
  readonly createdAt: number
  /** Null: the server's own. */
  readonly directoryId: number | null
  /** The directory's name for the user. */
  readonly externalId: string | null
  /** When the directory last said that the user exists and is enabled. */
  readonly confirmedAt: number | null
  readonly lastLoginAt: number | null
}

export interface NewUser {
  readonly name: string
  /** `userKey(name)`. */
  readonly key: string
  readonly displayName: string
  readonly email: string
  /** Empty for a directory's user. */
  readonly passwordHash: string
  /** Where the user comes from; absent: the server's own. */
  readonly directory?: {
    readonly id: number
    /** Null: who has the name there. */
    readonly externalId: string | null
    /** Whether it has just said that the user is there. */
    readonly confirmed: boolean
  }
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
 * Makes this user, with the right to administer the server, if there is no user at all; whether it
 * did. Of several at once one does: they all name the same user.
 */
export async function ensureAdministrator(trx: Queries, input: NewUser): Promise<boolean> {
  if (await hasUsers(trx)) return false
  const userId = await insertUser(trx, input)
  if (userId === null) return false
  await allowAdministration(trx, { userId, by: 'Entrepot' })
  return true
}

/** Users by key, after `after`; `search` looks at name, display name and e-mail address. */
export async function listUserAccounts(db: Queries, page: KeyPage): Promise<UserAccount[]> {
  let query = db.selectFrom('users').selectAll().where('key', '>', page.after)
  if (page.search !== null) {
    query = query.where(textSearch(['key', 'display_name', 'email'], page.search))
  }
  return (await query.orderBy('key').limit(page.count).execute()).map(account)
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
      active: 1,
      created_at: nowMs,
      directory_id: input.directory?.id ?? null,
      external_id: input.directory?.externalId ?? null,
      confirmed_at: input.directory?.confirmed ? nowMs : null,
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

/**
 * Allows or forbids the user to log in; whether there is such a user. Throws CONFLICT when nobody
 * could administer the server any more.
 */
export async function setUserActive(
  trx: Queries,
  input: { readonly userId: number; readonly active: boolean },
): Promise<boolean> {
  return await keepAdministrator(trx, () => switchUser(trx, input.userId, input.active))
}

/** As `setUserActive`, for a transaction that looks after the administrators. */
export async function switchUser(trx: Queries, userId: number, active: boolean): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set((eb) => ({
      active: active ? 1 : 0,
      credential_version: eb('credential_version', '+', 1),
    }))
    .where('id', '=', userId)
    .executeTakeFirst()
  await forgetLogins(trx, userId)
  return numUpdatedRows > 0n
}

/**
 * Somewhere at random: if an id ever comes again (a database restored from a backup, or begun anew
 * beside the old secret key), tokens of its former owner do not fit.
 */
export function firstCredentialVersion(): number {
  return randomInt(1, 2 ** 30)
}

export async function forgetLogins(trx: Queries, userId: number): Promise<void> {
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
    active: row.active === 1,
    createdAt: row.created_at,
    directoryId: row.directory_id,
    externalId: row.external_id,
    confirmedAt: row.confirmed_at,
    lastLoginAt: row.last_login_at,
  }
}
