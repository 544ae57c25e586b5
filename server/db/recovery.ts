import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import { allowAdministration } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { findUser, setPassword, switchUser } from './users.ts'

/**
 * Makes one of the server's own users an administrator who can log in, whatever stands in the way:
 * a forgotten password, no right to log in, no rule or the user's own restriction, a task that was
 * changed. The user's own rules decide before those of groups. Throws NOT_FOUND.
 */
export async function recoverAdministrator(
  trx: Queries,
  input: { readonly userId: number; readonly passwordHash: string; readonly by: Actor },
): Promise<void> {
  const { userId, passwordHash, by } = input
  const user = await findUser(trx, userId)
  if (user === undefined) throw new RegistryError('NOT_FOUND', 'There is no such user.')
  await setPassword(trx, { userId, passwordHash })
  if (!user.active) await switchUser(trx, userId, true)
  const task = await trx
    .selectFrom('tasks')
    .select('id')
    .where('key', '=', 'administer')
    .executeTakeFirstOrThrow()
  await trx
    .updateTable('tasks')
    .set({ attributes: JSON.stringify(['Admin_ConfigureProGet']) })
    .where('id', '=', task.id)
    .execute()
  // The server itself is only a matter of rules for everything.
  await trx
    .deleteFrom('permissions')
    .where('user_id', '=', userId)
    .where('feed_id', 'is', null)
    .where('feed_group_id', 'is', null)
    .where((eb) => eb.or([eb('deny', '=', 1), eb('task_id', '=', task.id)]))
    .execute()
  await allowAdministration(trx, { userId, by: by.name })
  const detail = { user: user.name }
  await insertEvent(trx, { kind: 'user.recovered', by: by.name, address: by.address, detail })
}
