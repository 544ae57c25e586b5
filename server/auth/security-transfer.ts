import type { Db } from '../db/database.ts'
import { listDirectoryNames } from '../db/directory-names.ts'
import { groupNamesOfUsers } from '../db/group-members.ts'
import { listPermissionRecords } from '../db/permissions.ts'
import {
  type ImportedTask,
  type ImportedUser,
  type ImportStep,
  importSecurity,
  recordExport,
  type SecurityImport,
} from '../db/security-import.ts'
import { listUserAccounts, type UserAccount } from '../db/users.ts'
import { accessName, parseAccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { type FieldProblem, isRefusal, parseField, refuseField } from '../domain/errors.ts'
import { parseUserName } from '../domain/user-name.ts'
import { listGroups } from './groups.ts'
import { type Paged, pageByKey } from './paged.ts'
import { checkPassword, type Passwords } from './password.ts'
import { formatPermission, type PermissionInput, parsePermission } from './permissions.ts'
import { listTasks, parseAttributes } from './tasks.ts'

export type { ImportStep } from '../db/security-import.ts'

/** Who may do what, as a document; absent: none. */
export interface SecurityDocument {
  users?: ExportedUser[] | undefined
  groups?: ExportedGroup[] | undefined
  tasks?: ExportedTask[] | undefined
  permissions?: PermissionInput[] | undefined
}

export interface ExportedUser {
  userName: string
  displayName?: string | undefined
  email?: string | undefined
  /** `scrypt$N$r$p$salt$hash`; it or a password is needed for a user that is new. */
  passwordHash?: string | undefined
  password?: string | undefined
  active?: boolean | undefined
  /** Those that administrators put the user into. */
  groups?: string[] | undefined
  /** Where the user comes from; null: the server's own. */
  directory?: string | null | undefined
  /** How the directory knows the user; null: by the name. */
  externalId?: string | null | undefined
}

export interface ExportedGroup {
  name: string
  description?: string | undefined
}

export interface ExportedTask extends ExportedGroup {
  attributes: string[]
}

const batch = 1000

interface TransferDeps {
  readonly db: Db
  readonly by: Actor
}

/** Everything but directories and API keys, with password hashes: so it is written down. */
export async function exportSecurity({ db, by }: TransferDeps): Promise<SecurityDocument> {
  await db.write(recordExport, { by })
  const accounts = await everyPage((after) =>
    pageByKey({ after, count: batch }, (page) => listUserAccounts(db.read, page)),
  )
  const ids = accounts.map(({ id }) => id)
  const known = {
    groups: await groupNamesOfUsers(db.read, ids, 'manual'),
    directories: await listDirectoryNames(db.read),
  }
  const groups = await everyPage((after) => listGroups({ db }, { after, count: batch }))
  const tasks = await listTasks({ db })
  return {
    users: accounts.map((account) => exportUser(account, known)),
    groups: groups.map(({ name, description }) => ({ name, description })),
    tasks: tasks.map(({ name, description, attributes }) => ({
      name,
      description,
      attributes: [...attributes],
    })),
    permissions: await exportPermissions(db),
  }
}

/**
 * Adds and changes, never deletes, in one transaction; with `dryRun` it says what would be done.
 * Throws INVALID_FIELDS, or CONFLICT when nobody could administer the server any more.
 */
export async function importDocument(
  deps: TransferDeps & {
    readonly passwords: Passwords
    /** Asked after the passwords were hashed: throws if `by` may not do this any more. */
    readonly permit?: () => Promise<void>
  },
  document: SecurityDocument,
  dryRun: boolean,
): Promise<readonly ImportStep[]> {
  const { db, by, passwords, permit } = deps
  checkSize(document)
  const users: ImportedUser[] = []
  for (const [at, user] of (document.users ?? []).entries()) {
    users.push(await parseUser(passwords, user, { place: `users.${at}`, dryRun }))
  }
  const input: SecurityImport = {
    users,
    groups: (document.groups ?? []).map(({ name, description }, at) => ({
      ...parseField(`groups.${at}.name`, () => parseAccessName('group', name)),
      ...(description !== undefined && { description }),
    })),
    tasks: (document.tasks ?? []).map((task, at) => parseTask(task, `tasks.${at}`)),
    permissions: (document.permissions ?? []).map((permission, at) =>
      parseItem(`permissions.${at}`, () => parsePermission(permission)),
    ),
    dryRun,
    by,
  }
  await permit?.()
  try {
    return await db.write(importSecurity, input)
  } catch (error) {
    if (dryRun && isRefusal(error, 'REQUEST_INVALID') && isDryRun(error.detail)) {
      return error.detail.steps
    }
    throw error
  }
}

/** Hashing takes an eighth of a second each, and all is written in one transaction. */
const maxPasswords = 500
const maxMemberships = 50_000

function checkSize({ users = [] }: SecurityDocument): void {
  if (users.filter(({ password }) => password !== undefined).length > maxPasswords) {
    refuseField(
      'users',
      `At most ${maxPasswords} users with a password at once: send their hashes, or several documents.`,
    )
  }
  if (users.reduce((sum, { groups = [] }) => sum + groups.length, 0) > maxMemberships) {
    refuseField('users', `At most ${maxMemberships} memberships at once: send several documents.`)
  }
}

/** The steps travel in the error that undoes them. */
function isDryRun(detail: unknown): detail is { readonly steps: readonly ImportStep[] } {
  return typeof detail === 'object' && detail !== null && 'steps' in detail
}

async function everyPage<T>(read: (after: string) => Promise<Paged<T>>): Promise<T[]> {
  const all: T[] = []
  for (let after: string | null = ''; after !== null; ) {
    const page: Paged<T> = await read(after)
    all.push(...page.items)
    after = page.next
  }
  return all
}

interface Known {
  /** By user. */
  readonly groups: ReadonlyMap<number, readonly string[]>
  /** Names by number. */
  readonly directories: ReadonlyMap<number, string>
}

function exportUser(account: UserAccount, known: Known): ExportedUser {
  const { name: userName, displayName, email, active, passwordHash, directoryId } = account
  const groups = [...(known.groups.get(account.id) ?? [])]
  const user = { userName, displayName, email, active, groups }
  if (directoryId === null) return { ...user, passwordHash }
  const directory = known.directories.get(directoryId) ?? null
  return { ...user, directory, externalId: account.externalId }
}

async function exportPermissions(db: Db): Promise<PermissionInput[]> {
  const permissions: PermissionInput[] = []
  for (let after = 0; ; ) {
    const records = await listPermissionRecords(db.read, { after, count: batch })
    for (const record of records) {
      const { id: _, ...permission } = formatPermission(record)
      permissions.push(permission)
    }
    const last = records.at(-1)
    if (last === undefined || records.length < batch) return permissions
    after = last.id
  }
}

function parseTask(task: ExportedTask, place: string): ImportedTask {
  const { name, description, attributes } = task
  return {
    ...parseField(`${place}.name`, () => parseAccessName('task', name)),
    ...(description !== undefined && { description }),
    attributes: parseItem(place, () => parseAttributes(attributes)),
  }
}

/** What is wrong with one item, told of the item. */
function parseItem<T>(place: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!isRefusal(error, 'INVALID_FIELDS')) throw error
    const [problem] = error.detail as readonly FieldProblem[]
    return refuseField(`${place}.${problem?.field}`, error.message)
  }
}

async function parseUser(
  passwords: Passwords,
  input: ExportedUser,
  where: { readonly place: string; readonly dryRun: boolean },
): Promise<ImportedUser> {
  const { userName, displayName, email, active, groups, directory, externalId } = input
  const passwordHash = await hashOf(passwords, input, where)
  return {
    ...parseField(`${where.place}.userName`, () => parseUserName(userName)),
    ...(displayName !== undefined && { displayName }),
    ...(email !== undefined && { email }),
    ...(passwordHash !== undefined && { passwordHash }),
    ...(active !== undefined && { active }),
    ...(groups && { groups: groups.map(accessName) }),
    ...(directory != null && {
      directory: { ...accessName(directory), externalId: externalId ?? null },
    }),
  }
}

/** Hashing takes long: a dry run only looks whether it could be done. */
async function hashOf(
  passwords: Passwords,
  { passwordHash, password, directory }: ExportedUser,
  { place, dryRun }: { readonly place: string; readonly dryRun: boolean },
): Promise<string | undefined> {
  if (directory != null) {
    if (!passwordHash && !password) return undefined
    refuseField(`${place}.password`, 'The directory has it: say one of the two.')
  }
  if (passwordHash !== undefined && passwordHash !== '') {
    if (passwords.isHash(passwordHash)) return passwordHash
    refuseField(`${place}.passwordHash`, 'This is no hash that this server makes.')
  }
  if (password === undefined) return undefined
  parseField(`${place}.password`, () => checkPassword(password))
  return dryRun ? 'not hashed in a dry run' : await passwords.hash(password)
}
