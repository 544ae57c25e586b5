import { access, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Db } from '../db/database.ts'
import { ensureAdministrator, findUserByKey, hasUsers, type UserAccount } from '../db/users.ts'
import { parseUserName, userKey } from '../domain/user-name.ts'
import { generatedLength, generatePassword, type Passwords } from './password.ts'
import { readOrCreateSecretFile, syncFolder } from './secret-file.ts'

const firstAdministrator = parseUserName('Admin')

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
  readonly passwords: Passwords
  readonly dataDir: string
  readonly configured: string | null
}): Promise<FirstAdministrator | null> {
  const { db, passwords, dataDir, configured } = options
  if (await hasUsers(db.read)) return null
  const file = passwordFile(dataDir)
  const password =
    configured ??
    (await readOrCreateSecretFile({ file, minLength: generatedLength, make: generatePassword }))
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

/** The file with the password of the first start, once that is no longer the one. */
export async function forgetFirstPassword(
  { dataDir }: { readonly dataDir: string },
  { key }: Pick<UserAccount, 'key'>,
): Promise<void> {
  if (key === firstAdministrator.key) await removeFile(passwordFile(dataDir))
}

async function isTheirs(
  { db, passwords }: { readonly db: Db; readonly passwords: Passwords },
  password: string,
): Promise<boolean> {
  const { key } = firstAdministrator
  const account = await findUserByKey(db.read, key)
  return await passwords.verify({ userKey: key, password, account })
}

/** Whether this is the first administrator, still with the password that the first start made up. */
export async function hasGeneratedPassword(dataDir: string, userName: string): Promise<boolean> {
  if (userKey(userName) !== firstAdministrator.key) return false
  return await access(passwordFile(dataDir)).then(
    () => true,
    () => false,
  )
}

function passwordFile(dataDir: string): string {
  return path.join(dataDir, 'initial-admin-password')
}

async function removeFile(file: string): Promise<void> {
  await rm(file, { force: true })
  await syncFolder(path.dirname(file))
}
