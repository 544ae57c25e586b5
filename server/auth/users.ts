import { randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Db } from '../db/database.ts'
import { ensureAdministrator, findUserByKey, hasUsers, setPassword } from '../db/users.ts'
import { RegistryError } from '../domain/errors.ts'
import { parseUserName, userKey } from '../domain/user-name.ts'
import { openPasswords, type Passwords } from './password.ts'
import { readOrCreateSecretFile, syncFolder } from './secret-file.ts'

const firstAdministrator = parseUserName('Admin')
const generatedLength = 24

export interface FirstAdministrator {
  readonly userName: string
  /** To be printed once; null if the password was configured. */
  readonly generatedPassword: string | null
  /** Where the generated password is kept until it is changed; null if it was configured. */
  readonly passwordFile: string | null
}

/**
 * At the first start, the user `Admin`; null if there is a user already. Without a configured
 * password one is made up and kept in `<dataDir>/initial-admin-password` (mode 0600): the file is
 * on the disk before the user exists, so a start that is cut off leaves nobody locked out, and the
 * next one uses the same password. Throws REQUEST_INVALID for a password that breaks the rules.
 */
export async function createFirstAdministrator(options: {
  readonly db: Db
  readonly dataDir: string
  readonly configured: string | null
}): Promise<FirstAdministrator | null> {
  const { db, dataDir, configured } = options
  if (await hasUsers(db.read)) return null
  const file = passwordFile(dataDir)
  const password =
    configured ??
    (await readOrCreateSecretFile({ file, minLength: generatedLength, make: generatePassword }))
  const passwords = openPasswords()
  const created = await db.write(ensureAdministrator, {
    ...firstAdministrator,
    displayName: 'Administrator',
    email: '',
    passwordHash: await passwords.hash(password),
  })
  // Another process may have been faster: the file stays only if it tells the truth.
  if (configured !== null || !(created || (await isTheirs({ db, passwords }, password)))) {
    await removeFile(file)
  }
  if (!created) return null
  return {
    userName: firstAdministrator.name,
    generatedPassword: configured === null ? password : null,
    passwordFile: configured === null ? file : null,
  }
}

/**
 * Gives a user a new password, made up if null, and returns it. All that was issued for the old one
 * is void within a second. Throws NOT_FOUND if there is no such user, REQUEST_INVALID for a
 * password that breaks the rules.
 */
export async function resetPassword(
  deps: { readonly db: Db; readonly dataDir: string; readonly passwords: Passwords },
  input: { readonly userName: string; readonly password: string | null },
): Promise<string> {
  const { db, dataDir, passwords } = deps
  const user = await findUserByKey(db.read, userKey(input.userName))
  if (user === undefined) throw noSuchUser()
  const password = input.password ?? generatePassword()
  const passwordHash = await passwords.hash(password)
  if (!(await db.write(setPassword, { userId: user.id, passwordHash }))) throw noSuchUser()
  if (user.key === firstAdministrator.key) await removeFile(passwordFile(dataDir))
  return password
}

/** Letters and digits that are not easily mistaken for one another: about 139 bits. */
export function generatePassword(): string {
  const characters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789'
  return Array.from({ length: generatedLength }, () =>
    characters.charAt(randomInt(characters.length)),
  ).join('')
}

async function isTheirs(
  { db, passwords }: { readonly db: Db; readonly passwords: Passwords },
  password: string,
): Promise<boolean> {
  const { key } = firstAdministrator
  const account = await findUserByKey(db.read, key)
  return await passwords.verify({ userKey: key, password, account })
}

function passwordFile(dataDir: string): string {
  return path.join(dataDir, 'initial-admin-password')
}

async function removeFile(file: string): Promise<void> {
  await rm(file, { force: true })
  await syncFolder(path.dirname(file))
}

function noSuchUser(): RegistryError {
  return new RegistryError('NOT_FOUND', 'There is no user of that name.')
}
