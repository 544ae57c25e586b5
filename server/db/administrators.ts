import { RegistryError } from '../domain/errors.ts'
import { authenticatedGroups, decide, rulesFor } from '../domain/rule.ts'
import type { Queries } from './database.ts'
import { groupIdsOfUsers } from './group-members.ts'
import { listRules } from './rules.ts'
import { nowMs } from './sql.ts'

const batch = 500

/**
 * Runs a change of users, groups, tasks or permissions, and undoes it with CONFLICT if afterwards
 * nobody could administer the server any more: no active user of the server's own who can log in
 * and has Admin_ConfigureProGet everywhere. A directory's users do not count, for it may be down, or
 * take its people out of a group. Such changes take turns, so that two cannot take away one
 * administrator each. A server that had none before is left as it is.
 */
export async function keepAdministrator<T>(trx: Queries, change: () => Promise<T>): Promise<T> {
  await lockRights(trx)
  const before = await hasAdministrator(trx)
  const result = await change()
  if (before && !(await hasAdministrator(trx))) {
    throw new RegistryError(
      'CONFLICT',
      'Nobody of its own users would be left who may administer the server: make another one an administrator first.',
    )
  }
  return result
}

/** Gives a user the rule that makes an administrator: the built-in task, everywhere. */
export async function allowAdministration(
  trx: Queries,
  { userId, by }: { readonly userId: number; readonly by: string },
): Promise<void> {
  const task = await trx
    .selectFrom('tasks')
    .select('id')
    .where('key', '=', 'administer')
    .executeTakeFirstOrThrow()
  await trx
    .insertInto('permissions')
    .values({
      principal_kind: 'user',
      user_id: userId,
      task_id: task.id,
      deny: 0,
      created_at: nowMs,
      created_by: by,
    })
    .execute()
}

/** Whether one of the server's own users can log in and administer the server. */
export async function hasAdministrator(db: Queries): Promise<boolean> {
  const rules = await listRules(db)
  for (let after = 0; ; ) {
    const users = await db
      .selectFrom('users')
      .select('id')
      .where('active', '=', 1)
      .where('directory_id', 'is', null)
      .where('password_hash', '!=', '')
      .where('id', '>', after)
      .orderBy('id')
      .limit(batch)
      .execute()
    const groups = await groupIdsOfUsers(
      db,
      users.map(({ id }) => id),
    )
    const found = users.some(({ id }) => {
      const caller = { userId: id, groupIds: groups.get(id) ?? [] }
      const applicable = rulesFor({ ...caller, virtualGroups: authenticatedGroups }, rules)
      return decide(applicable, 'Admin_ConfigureProGet', null).allowed
    })
    if (found) return true
    const last = users.at(-1)
    if (last === undefined || users.length < batch) return false
    after = last.id
  }
}

/** The first built-in task, which nobody can delete, stands for all rights. */
async function lockRights(trx: Queries): Promise<void> {
  await trx
    .selectFrom('tasks')
    .select('id')
    .where('key', '=', 'administer')
    .forNoKeyUpdate()
    .execute()
}
