import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { chunksOf, nowMs } from './sql.ts'
import { findUser, findUserByKey, insertUser, type UserAccount } from './users.ts'

/** What a directory says about one of its users. */
export interface DirectoryFacts {
  readonly externalId: string
  /** How ids that are never given to another begin; null: an id may change. */
  readonly stableIdPrefix: string | null
  readonly name: string
  /** `userKey(name)`. */
  readonly key: string
  readonly displayName: string
  readonly email: string
  /** Lower-case keys of groups; those that do not exist here mean nothing. */
  readonly groupKeys: readonly string[]
}

export interface DirectoryLogin {
  readonly directoryId: number
  readonly directoryName: string
  readonly facts: DirectoryFacts
  /** Whether who was never here becomes a user. */
  readonly create: boolean
}

/**
 * The id of the user, who has just logged in with the directory; a new one if need be. Nobody is
 * ever taken for another: throws CONFLICT when the name is the server's own user's, another
 * directory's, or of somebody who left this one; DENIED when there is no user and none is made.
 */
export async function admitDirectoryUser(trx: Queries, input: DirectoryLogin): Promise<number> {
  const { directoryId, facts } = input
  const found = await findAdmitted(trx, input)
  const userId = found ?? (await createUser(trx, input))
  await confirm(trx, userId, facts)
  await trx.updateTable('users').set({ last_login_at: nowMs }).where('id', '=', userId).execute()
  await rename(trx, { userId, directoryId, facts })
  return userId
}

/** The directory said that the user is there and enabled. */
export async function confirmDirectoryUser(
  trx: Queries,
  input: { readonly userId: number; readonly facts: DirectoryFacts },
): Promise<void> {
  await confirm(trx, input.userId, input.facts)
}

/**
 * The directory does not know the user any more, or forbids it: all that was issued is void, and
 * what the directory gave is taken. The user comes back when the directory says so.
 */
export async function suspendDirectoryUser(
  trx: Queries,
  input: { readonly userId: number; readonly directory: string },
): Promise<void> {
  const { userId, directory } = input
  const user = await trx
    .updateTable('users')
    .set((eb) => ({ confirmed_at: null, credential_version: eb('credential_version', '+', 1) }))
    .where('id', '=', userId)
    .where('confirmed_at', 'is not', null)
    .returning('name')
    .executeTakeFirst()
  if (user === undefined) return
  await trx
    .deleteFrom('refresh_tokens')
    .where('principal_kind', '=', 'user')
    .where('principal_id', '=', userId)
    .execute()
  await synchroniseGroups(trx, userId, [])
  await insertEvent(trx, {
    kind: 'user.suspended',
    by: 'Entrepot',
    detail: { user: user.name, directory },
  })
}

/** What the provider is asked with when the user is not there; null: nothing. Encrypted. */
export async function setDirectoryToken(
  trx: Queries,
  input: { readonly userId: number; readonly token: string | null },
): Promise<void> {
  const { userId, token } = input
  await trx.deleteFrom('directory_tokens').where('user_id', '=', userId).execute()
  if (token === null) return
  await trx.insertInto('directory_tokens').values({ user_id: userId, token }).execute()
}

export async function findDirectoryToken(db: Queries, userId: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('directory_tokens')
    .select('token')
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row?.token
}

/**
 * By an id that is never given to another, else by name: a distinguished name may be somebody
 * else's tomorrow.
 */
async function findAdmitted(trx: Queries, input: DirectoryLogin): Promise<number | undefined> {
  const { directoryId, facts } = input
  const known = await trx
    .selectFrom('users')
    .select('id')
    .where('directory_id', '=', directoryId)
    .where('external_id', '=', facts.externalId)
    .executeTakeFirst()
  if (known !== undefined && facts.stableIdPrefix !== null) return known.id
  const namesake = await findUserByKey(trx, facts.key)
  if (namesake !== undefined) checkNamesake(namesake, input)
  if (known !== undefined && known.id !== namesake?.id) {
    await trx.updateTable('users').set({ external_id: null }).where('id', '=', known.id).execute()
  }
  return namesake?.id
}

/** Throws unless the user of this name is the one who logs in. */
function checkNamesake(user: UserAccount, { directoryId, directoryName, facts }: DirectoryLogin) {
  const { stableIdPrefix } = facts
  if (user.directoryId === null) {
    throw taken(user.name, "a user of the server's own", directoryName)
  }
  if (user.directoryId !== directoryId) {
    throw taken(user.name, 'a user of another directory', directoryName)
  }
  // Made by another process since it was looked for by id.
  if (user.externalId === facts.externalId) return
  if (stableIdPrefix !== null && user.externalId?.startsWith(stableIdPrefix)) {
    throw taken(user.name, 'somebody else who had it there before', directoryName)
  }
}

function taken(name: string, whose: string, directoryName: string): RegistryError {
  return new RegistryError(
    'CONFLICT',
    `The name "${name}" belongs to ${whose}: the one of directory "${directoryName}" cannot log in while that user is here.`,
  )
}

async function createUser(trx: Queries, input: DirectoryLogin): Promise<number> {
  const { directoryId, directoryName, facts, create } = input
  if (!create) {
    throw new RegistryError('DENIED', `There is no user "${facts.name}" here, and none is made.`)
  }
  const { name, key, displayName, email, externalId } = facts
  const id = await insertUser(trx, {
    ...{ name, key, displayName, email, passwordHash: '' },
    directory: { id: directoryId, externalId, confirmed: true },
  })
  if (id !== null) {
    const detail = { user: name, directory: directoryName }
    await insertEvent(trx, { kind: 'user.created', by: 'Entrepot', detail })
    return id
  }
  // Another process was faster by a moment.
  const other = await findAdmitted(trx, input)
  if (other !== undefined) return other
  throw new RegistryError('CONFLICT', `The user "${name}" could not be made: log in again.`)
}

async function confirm(trx: Queries, userId: number, facts: DirectoryFacts): Promise<void> {
  const { externalId, displayName, email, groupKeys } = facts
  await trx
    .updateTable('users')
    .set({ confirmed_at: nowMs, external_id: externalId, display_name: displayName, email })
    .where('id', '=', userId)
    .execute()
  await synchroniseGroups(trx, userId, groupKeys)
}

/** Who is called differently in the directory now is so here, unless somebody else has the name. */
async function rename(
  trx: Queries,
  input: { readonly userId: number; readonly directoryId: number; readonly facts: DirectoryFacts },
): Promise<void> {
  const { name, key } = input.facts
  const other = await findUserByKey(trx, key)
  if (other !== undefined && other.id !== input.userId) return
  const before = await findUser(trx, input.userId)
  if (before === undefined || before.name === name) return
  await trx.updateTable('users').set({ name, key }).where('id', '=', input.userId).execute()
  const detail = { user: before.name, name }
  await insertEvent(trx, { kind: 'user.renamed', by: 'Entrepot', detail })
}

/** Puts the user into exactly these groups, as far as the directory does. */
async function synchroniseGroups(
  trx: Queries,
  userId: number,
  groupKeys: readonly string[],
): Promise<void> {
  const wanted = new Map<number, string>()
  for (const keys of chunksOf([...new Set(groupKeys)], 500)) {
    const groups = await trx
      .selectFrom('groups')
      .select(['id', 'name'])
      .where('key', 'in', keys)
      .execute()
    for (const { id, name } of groups) wanted.set(id, name)
  }
  const members = await trx
    .selectFrom('group_members')
    .innerJoin('groups', 'groups.id', 'group_members.group_id')
    .select(['groups.id', 'groups.name'])
    .where('user_id', '=', userId)
    .where('source', '=', 'directory')
    .execute()
  const left = members.filter(({ id }) => !wanted.has(id))
  const joined = [...wanted].filter(([id]) => members.every((each) => each.id !== id))
  if (left.length === 0 && joined.length === 0) return
  for (const { id } of left) await removeMember(trx, id, userId)
  for (const [id] of joined) await addMember(trx, id, userId)
  const user = await trx
    .selectFrom('users')
    .select('name')
    .where('id', '=', userId)
    .executeTakeFirst()
  await insertEvent(trx, {
    kind: 'user.groups',
    by: 'Entrepot',
    detail: {
      user: user?.name ?? '',
      joined: joined.map(([, name]) => name),
      left: left.map(({ name }) => name),
    },
  })
}

async function addMember(trx: Queries, groupId: number, userId: number): Promise<void> {
  await trx
    .insertInto('group_members')
    .values({ group_id: groupId, user_id: userId, source: 'directory' })
    .onConflict((conflict) => conflict.columns(['group_id', 'user_id', 'source']).doNothing())
    .execute()
}

async function removeMember(trx: Queries, groupId: number, userId: number): Promise<void> {
  await trx
    .deleteFrom('group_members')
    .where('group_id', '=', groupId)
    .where('user_id', '=', userId)
    .where('source', '=', 'directory')
    .execute()
}
