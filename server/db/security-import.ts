import type { AccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import type { Attribute } from '../domain/attribute.ts'
import { type FieldProblem, isRefusal, RegistryError, refuseField } from '../domain/errors.ts'
import { keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { changeGroup, findGroupByKey, storeGroup } from './groups.ts'
import { findImportedDirectory } from './imported-directory.ts'
import { type NewPermission, storePermission } from './permissions.ts'
import { changeTask, findTaskByKey, insertTask } from './tasks.ts'
import { changeUser, storeUser } from './user-changes.ts'
import { findUserByKey, type UserAccount } from './users.ts'

export interface ImportedUser extends AccessName {
  readonly displayName?: string
  readonly email?: string
  /** A stored form, or that of a password that was given. */
  readonly passwordHash?: string
  readonly active?: boolean
  readonly groups?: readonly AccessName[]
  /** Where the user comes from; absent: the server's own. */
  readonly directory?: AccessName & { readonly externalId: string | null }
}

export interface ImportedTask extends AccessName {
  readonly description?: string
  readonly attributes: readonly Attribute[]
}

export interface SecurityImport {
  readonly groups: readonly (AccessName & { readonly description?: string })[]
  readonly tasks: readonly ImportedTask[]
  readonly users: readonly ImportedUser[]
  readonly permissions: readonly Omit<NewPermission, 'by'>[]
  /** Does everything, tells it in the error, and so undoes it. */
  readonly dryRun: boolean
  readonly by: Actor
}

/** One thing that is done, without its values. */
export interface ImportStep {
  readonly action: 'create' | 'update'
  readonly kind: 'user' | 'group' | 'task' | 'permission'
  readonly name: string
  readonly changes: readonly string[]
}

/**
 * Adds and changes what the document says, in this one transaction; what is so already is left
 * alone. Returns what was done. With `dryRun` it throws REQUEST_INVALID with that as its detail.
 * Throws INVALID_FIELDS with every name that is not there, CONFLICT when nobody could administer
 * the server any more.
 */
export async function importSecurity(trx: Queries, input: SecurityImport): Promise<ImportStep[]> {
  const steps = await keepAdministrator(trx, () => importAll(trx, input))
  if (input.dryRun) throw new RegistryError('REQUEST_INVALID', 'A dry run.', { detail: { steps } })
  await insertEvent(trx, {
    kind: 'security.imported',
    ...{ by: input.by.name, address: input.by.address },
    detail: { steps: steps.length },
  })
  return steps
}

async function importAll(trx: Queries, input: SecurityImport): Promise<ImportStep[]> {
  const steps: ImportStep[] = []
  const problems: FieldProblem[] = []
  const each = async <T>(
    list: string,
    items: readonly T[],
    work: (trx: Queries, item: T, by: Actor) => Promise<ImportStep | null>,
  ) => {
    for (const [index, item] of items.entries()) {
      const step = await work(trx, item, input.by).catch((error: unknown) => {
        problems.push(...problemsOf(error, `${list}.${index}`))
        return null
      })
      if (step !== null) steps.push(step)
    }
  }
  await each('groups', input.groups, importGroup)
  await each('tasks', input.tasks, importTask)
  await each('users', input.users, importUser)
  await each('permissions', input.permissions, importPermission)
  if (problems.length > 0) throw tellProblems(problems)
  return steps
}

/** That somebody has read the hashes of everybody's passwords. */
export async function recordExport(trx: Queries, { by }: { readonly by: Actor }): Promise<void> {
  const { name, address } = by
  await insertEvent(trx, { kind: 'security.exported', by: name, address, detail: {} })
}

async function importGroup(
  trx: Queries,
  { name, key, description }: SecurityImport['groups'][number],
  by: Actor,
): Promise<ImportStep | null> {
  const group = { name, key }
  const found = await findGroupByKey(trx, key)
  if (found === undefined) {
    await storeGroup(trx, { group, description: description ?? '', members: [], by })
    return { action: 'create', kind: 'group', name, changes: [] }
  }
  if (description === undefined || description === found.description) return null
  await changeGroup(trx, { group, description, by })
  return { action: 'update', kind: 'group', name: found.name, changes: ['description'] }
}

async function importTask(
  trx: Queries,
  { name, key, description, attributes }: ImportedTask,
  by: Actor,
): Promise<ImportStep | null> {
  const task = { name, key }
  const found = await findTaskByKey(trx, key)
  if (found === undefined) {
    await insertTask(trx, { task, description: description ?? '', attributes, by })
    return { action: 'create', kind: 'task', name, changes: [] }
  }
  const row = {
    ...(description !== undefined && description !== found.description && { description }),
    ...(!isSameSet(attributes, found.attributes) && { attributes }),
  }
  if (Object.keys(row).length === 0) return null
  await changeTask(trx, { task, ...row, by })
  return { action: 'update', kind: 'task', name: found.name, changes: Object.keys(row) }
}

async function importUser(
  trx: Queries,
  imported: ImportedUser,
  by: Actor,
): Promise<ImportStep | null> {
  const { name, key, displayName = '', email = '', passwordHash = '', groups = [] } = imported
  const found = await findUserByKey(trx, key)
  const directory = imported.directory && (await findImportedDirectory(trx, imported, found))
  if (found !== undefined) return await importChanges(trx, { found, imported, by })
  if (passwordHash === '' && directory === undefined) {
    refuseField('password', 'A new user needs one, or its hash.')
  }
  const user = { name, key, displayName, email, passwordHash, ...(directory && { directory }) }
  const userId = await storeUser(trx, { user, groups, by })
  if (imported.active === false) await changeUser(trx, { userId, active: false, by })
  return { action: 'create', kind: 'user', name, changes: [] }
}

const ownFields = ['displayName', 'email', 'passwordHash', 'active'] as const

interface FoundUser {
  readonly found: UserAccount
  readonly imported: ImportedUser
  readonly by: Actor
}

async function importChanges(
  trx: Queries,
  { found, imported, by }: FoundUser,
): Promise<ImportStep | null> {
  const isOwn = found.directoryId === null
  if (!isOwn && imported.directory === undefined) {
    refuseField('directory', `${found.name} comes from a directory here: name it.`)
  }
  const row: Record<string, unknown> = {}
  // The rest is the directory's to say.
  for (const field of isOwn ? ownFields : (['active'] as const)) {
    const value = imported[field]
    if (value !== undefined && value !== found[field]) row[field] = value
  }
  const { groups } = imported
  if (
    groups &&
    !isSameSet(
      groups.map((group) => group.key),
      await manualGroups(trx, found.id),
    )
  ) {
    row.groups = groups
  }
  if (Object.keys(row).length === 0) return null
  await changeUser(trx, { userId: found.id, ...row, by })
  const changes = Object.keys(row).map((field) => (field === 'passwordHash' ? 'password' : field))
  return { action: 'update', kind: 'user', name: found.name, changes }
}

async function manualGroups(trx: Queries, userId: number): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('group_members')
    .innerJoin('groups', 'groups.id', 'group_members.group_id')
    .select('groups.key')
    .where('group_members.user_id', '=', userId)
    .where('group_members.source', '=', 'manual')
    .execute()
  return rows.map(({ key }) => key)
}

async function importPermission(
  trx: Queries,
  permission: Omit<NewPermission, 'by'>,
  by: Actor,
): Promise<ImportStep | null> {
  const { isNew } = await storePermission(trx, { ...permission, by })
  if (!isNew) return null
  return { action: 'create', kind: 'permission', name: describe(permission), changes: [] }
}

function describe({ task, principal, scope, deny }: Omit<NewPermission, 'by'>): string {
  const who = 'name' in principal ? `${principal.kind} ${principal.name.name}` : principal.kind
  return `${deny ? 'deny' : 'allow'} ${task.name} to ${who} ${describeScope(scope)}`
}

function describeScope(scope: NewPermission['scope']): string {
  switch (scope.kind) {
    case 'everything':
      return 'everywhere'
    case 'feedGroup':
      return `in feed group ${scope.name.name}`
    case 'feed':
      return `in ${scope.name.name}${scope.repositories === null ? '' : `/${scope.repositories}`}`
  }
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const set = new Set(a)
  return set.size === new Set(b).size && b.every((each) => set.has(each))
}

/** What is wrong with one item, told of the item. Throws what is another matter. */
function problemsOf(error: unknown, place: string): FieldProblem[] {
  if (!isRefusal(error, 'INVALID_FIELDS')) throw error
  const found = error.detail as readonly FieldProblem[]
  return found.map(({ field, message }) => ({ field: `${place}.${field}`, message }))
}

function tellProblems(problems: readonly FieldProblem[]): RegistryError {
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  return new RegistryError('INVALID_FIELDS', `${first?.field}: ${first?.message}${more}`, {
    detail: problems,
  })
}
