import type { AccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import { keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEventBy } from './events.ts'
import { replaceGroupsOfUser } from './groups.ts'
import {
  findUser,
  forgetLogins,
  insertUser,
  type NewUser,
  setPassword,
  switchUser,
} from './users.ts'

export interface UserCreation {
  readonly user: NewUser
  readonly groups: readonly AccessName[]
  readonly by: Actor
}

/** Throws CONFLICT when the name is taken, INVALID_FIELDS naming a group that is not there. */
export async function createUser(trx: Queries, input: UserCreation): Promise<number> {
  return await keepAdministrator(trx, () => storeUser(trx, input))
}

/** As `createUser`, for a transaction that looks after the administrators. */
export async function storeUser(trx: Queries, input: UserCreation): Promise<number> {
  const { user, groups, by } = input
  const id = await insertUser(trx, user)
  if (id === null) throw new RegistryError('CONFLICT', `There is a user "${user.name}" already.`)
  await replaceGroupsOfUser(trx, id, groups)
  await insertEventBy(trx, 'user.created', by, {
    user: user.name,
    groups: groups.map(({ name }) => name),
  })
  return id
}

export interface UserChange {
  readonly userId: number
  /** Only a user who still has this one is changed; absent: whichever. */
  readonly credentialVersion?: number
  /** Absent: as it is. */
  readonly displayName?: string
  readonly email?: string
  readonly active?: boolean
  readonly passwordHash?: string
  /** All groups that an administrator puts the user into, from now on. */
  readonly groups?: readonly AccessName[]
  readonly by: Actor
}

/**
 * Changes what is named, and nothing else. A new password, and another right to log in, end all
 * that was issued before. Throws NOT_FOUND, INVALID_FIELDS naming a group that is not there, or
 * CONFLICT when nobody could administer the server any more.
 */
export async function updateUser(trx: Queries, input: UserChange): Promise<void> {
  await keepAdministrator(trx, () => changeUser(trx, input))
}

/** As `updateUser`, for a transaction that looks after the administrators. */
export async function changeUser(trx: Queries, input: UserChange): Promise<void> {
  const { userId, displayName, email, active, passwordHash, groups } = input
  const before = await findUser(trx, userId)
  const { credentialVersion = before?.credentialVersion } = input
  if (before === undefined || before.credentialVersion !== credentialVersion)
    throw new RegistryError('NOT_FOUND', 'There is no such user.')
  const row = {
    ...(displayName !== undefined && { display_name: displayName }),
    ...(email !== undefined && { email }),
  }
  if (Object.keys(row).length > 0) {
    await trx.updateTable('users').set(row).where('id', '=', userId).execute()
  }
  if (passwordHash !== undefined) await setPassword(trx, { userId, passwordHash })
  if (active !== undefined && active !== before.active) await switchUser(trx, userId, active)
  if (groups) await replaceGroupsOfUser(trx, userId, groups)
  await insertEventBy(trx, 'user.changed', input.by, { user: before.name, ...changesOf(input) })
}

/**
 * Whether there was such a user. Keys, sessions, logins and rules of the user go with it. Throws
 * CONFLICT when nobody could administer the server any more.
 */
export async function deleteUser(
  trx: Queries,
  input: { readonly userId: number; readonly by: Actor },
): Promise<boolean> {
  const { userId, by } = input
  return await keepAdministrator(trx, async () => {
    const user = await findUser(trx, userId)
    if (user === undefined) return false
    await forgetLogins(trx, userId)
    await trx.deleteFrom('users').where('id', '=', userId).execute()
    await insertEventBy(trx, 'user.deleted', by, { user: user.name })
    return true
  })
}

/** For the audit: never the password. */
function changesOf({ displayName, email, active, passwordHash, groups }: UserChange) {
  return {
    ...(displayName !== undefined && { displayName }),
    ...(email !== undefined && { email }),
    ...(active !== undefined && { active }),
    ...(passwordHash !== undefined && { password: 'changed' }),
    ...(groups && { groups: groups.map(({ name }) => name) }),
  }
}
