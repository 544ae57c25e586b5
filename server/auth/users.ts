import type { Db } from '../db/database.ts'
import { listDirectoryNames } from '../db/directory-names.ts'
import { groupNamesOfUsers } from '../db/group-members.ts'
import { recoverAdministrator } from '../db/recovery.ts'
import { createUser, deleteUser as deleteRow, updateUser as updateRow } from '../db/user-changes.ts'
import { findUserByKey, listUserAccounts, type UserAccount } from '../db/users.ts'
import { accessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { parseField, RegistryError, refuseField } from '../domain/errors.ts'
import { parseUserName, userKey } from '../domain/user-name.ts'
import { forgetFirstPassword } from './first-administrator.ts'
import { type NamedPage, type Paged, pageByKey } from './paged.ts'
import { generatePassword, type Passwords } from './password.ts'

/**
 * Gives a user a new password, made up if null, and returns it. All that was issued for the old one
 * is void within a second. `recover` makes an administrator who can log in of the user, whatever
 * stands in the way. Throws NOT_FOUND if there is no such user, REQUEST_INVALID for a password that
 * breaks the rules, INVALID_FIELDS for a directory's user.
 */
export async function resetPassword(
  deps: UserDeps,
  input: {
    readonly userName: string
    readonly password: string | null
    readonly recover?: boolean
  },
): Promise<string> {
  const { db, passwords, by } = deps
  const user = await getAccount(db, input.userName)
  refuseDirectoryUser(user)
  const password = input.password ?? generatePassword()
  const change = { userId: user.id, passwordHash: await passwords.hash(password), by }
  if (input.recover) await db.write(recoverAdministrator, change)
  else await db.write(updateRow, change)
  await forgetFirstPassword(deps, user)
  return password
}

/** What changes of users need, and who makes them. */
export interface UserDeps {
  readonly db: Db
  readonly dataDir: string
  readonly passwords: Passwords
  readonly by: Actor
  /** Asked after the wait for the hash of a password: throws if `by` may not do this any more. */
  readonly permit?: () => Promise<void>
}

/** A user as lists show it. */
export interface UserInfo {
  readonly id: number
  readonly name: string
  readonly displayName: string
  readonly email: string
  /** By name, those from the user's directory too. */
  readonly groups: readonly string[]
  readonly active: boolean
  /** Null: the server's own. */
  readonly directory: string | null
  readonly lastLogin: Date | null
  readonly created: Date
}

export interface NewUserInput {
  readonly name: string
  readonly displayName?: string
  readonly email?: string
  readonly password: string
  readonly groups?: readonly string[]
}

export interface UserChanges {
  readonly displayName?: string
  readonly email?: string
  readonly password?: string
  readonly active?: boolean
  /** All that administrators put the user into. */
  readonly groups?: readonly string[]
}

/** Users by name; `search` is a part of name, display name or e-mail address. */
export async function listUsers(
  { db }: { readonly db: Db },
  page: NamedPage,
): Promise<Paged<UserInfo>> {
  const { items, next } = await pageByKey(page, (keys) => listUserAccounts(db.read, keys))
  return { items: await infosOf(db, items), next }
}

/** Throws NOT_FOUND, naming it. */
export async function getUser({ db }: { readonly db: Db }, name: string): Promise<UserInfo> {
  const [info] = await infosOf(db, [await getAccount(db, name)])
  return info ?? refuseUser(name)
}

/**
 * Throws INVALID_FIELDS for a bad name or password and naming a group that is not there, CONFLICT
 * when the name is taken.
 */
export async function addUser(deps: UserDeps, input: NewUserInput): Promise<UserInfo> {
  const { db, passwords, by, permit } = deps
  const name = parseField('name', () => parseUserName(input.name))
  const passwordHash = await hashFor(passwords, input.password)
  await permit?.()
  await db.write(createUser, {
    user: {
      ...name,
      displayName: input.displayName ?? '',
      email: input.email ?? '',
      passwordHash,
    },
    groups: (input.groups ?? []).map(accessName),
    by,
  })
  return await getUser(deps, input.name)
}

/**
 * Changes what is named, and nothing else. A new password, and `active` false, end all that was
 * issued before. Throws NOT_FOUND; INVALID_FIELDS for a bad password, one for a directory's user, or
 * a group that is not there; CONFLICT when nobody could administer the server any more.
 */
export async function updateUser(
  deps: UserDeps,
  name: string,
  changes: UserChanges,
): Promise<UserInfo> {
  const { db, passwords, by, permit } = deps
  const { displayName, email, password, active, groups } = changes
  const account = await getAccount(db, name)
  if (password !== undefined) refuseDirectoryUser(account)
  const hash = password === undefined ? {} : { passwordHash: await hashFor(passwords, password) }
  await permit?.()
  await db.write(updateRow, {
    userId: account.id,
    ...(displayName !== undefined && { displayName }),
    ...(email !== undefined && { email }),
    ...(active !== undefined && { active }),
    ...hash,
    ...(groups && { groups: groups.map(accessName) }),
    by,
  })
  if (password !== undefined) await forgetFirstPassword(deps, account)
  return await getUser(deps, name)
}

/**
 * The new password of a user who has just shown the old one. Throws NOT_FOUND when that is not the
 * user's any more, INVALID_FIELDS for a bad new one.
 */
export async function setOwnPassword(
  { db, dataDir, passwords, by }: UserDeps,
  user: { readonly id: number; readonly credentialVersion: number; readonly key: string },
  newPassword: string,
): Promise<void> {
  const { id: userId, credentialVersion } = user
  const passwordHash = await hashFor(passwords, newPassword, 'newPassword')
  await db.write(updateRow, { userId, credentialVersion, passwordHash, by })
  await forgetFirstPassword({ dataDir }, user)
}

/**
 * Whether there was such a user; keys, sessions and rules go with it. Throws CONFLICT when nobody
 * could administer the server any more.
 */
export async function deleteUser(
  { db, by }: Pick<UserDeps, 'db' | 'by'>,
  name: string,
): Promise<boolean> {
  const account = await findUserByKey(db.read, userKey(name))
  return account !== undefined && (await db.write(deleteRow, { userId: account.id, by }))
}

async function getAccount(db: Db, name: string): Promise<UserAccount> {
  return (await findUserByKey(db.read, userKey(name))) ?? refuseUser(name)
}

function refuseDirectoryUser({ name, directoryId }: UserAccount): void {
  if (directoryId === null) return
  refuseField('password', `${name} comes from a directory, which has the password.`)
}

function refuseUser(name: string): never {
  throw new RegistryError('NOT_FOUND', `There is no user "${name.slice(0, 100)}".`)
}

async function hashFor(
  passwords: Passwords,
  password: string,
  field = 'password',
): Promise<string> {
  try {
    return await passwords.hash(password)
  } catch (error) {
    return parseField(field, () => {
      throw error
    })
  }
}

async function infosOf(db: Db, accounts: readonly UserAccount[]): Promise<UserInfo[]> {
  const ids = accounts.map(({ id }) => id)
  const groups = await groupNamesOfUsers(db.read, ids)
  const directories = await listDirectoryNames(db.read)
  return accounts.map((account) => ({
    id: account.id,
    name: account.name,
    displayName: account.displayName,
    email: account.email,
    groups: groups.get(account.id) ?? [],
    active: account.active,
    directory: account.directoryId === null ? null : (directories.get(account.directoryId) ?? null),
    lastLogin: account.lastLoginAt === null ? null : new Date(account.lastLoginAt),
    created: new Date(account.createdAt),
  }))
}
