import type { AccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import type { Attribute } from '../domain/attribute.ts'
import { RegistryError } from '../domain/errors.ts'
import type { TaskRow } from './access-schema.ts'
import { keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEventBy } from './events.ts'
import { formatAttributes, parseAttributes } from './rules.ts'
import { nowMs } from './sql.ts'

export interface TaskRecord {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly description: string
  readonly attributes: readonly Attribute[]
  /** It may be edited, but neither renamed nor deleted. */
  readonly builtIn: boolean
}

/** All tasks by name: there are few. */
export async function listTaskRecords(db: Queries): Promise<TaskRecord[]> {
  return (await db.selectFrom('tasks').selectAll().orderBy('key').execute()).map(taskOf)
}

export async function findTaskByKey(db: Queries, key: string): Promise<TaskRecord | undefined> {
  const row = await db.selectFrom('tasks').selectAll().where('key', '=', key).executeTakeFirst()
  return row && taskOf(row)
}

/** Throws CONFLICT when the name is taken. */
export async function insertTask(
  trx: Queries,
  input: {
    readonly task: AccessName
    readonly description: string
    readonly attributes: readonly Attribute[]
    readonly by: Actor
  },
): Promise<number> {
  const { task, description, attributes, by } = input
  const row = await trx
    .insertInto('tasks')
    .values({
      ...task,
      description,
      attributes: formatAttributes(attributes),
      built_in: 0,
      created_at: nowMs,
    })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw nameTaken(task.name)
  await insertEventBy(trx, 'task.created', by, { task: task.name, description, attributes })
  return row.id
}

export interface TaskChange {
  readonly task: AccessName
  /** Absent: as it is. */
  readonly name?: AccessName
  readonly description?: string
  readonly attributes?: readonly Attribute[]
  readonly by: Actor
}

/**
 * Changes what is named, and nothing else. Throws NOT_FOUND; CONFLICT for a name that is taken, for
 * another name of a built-in task, or when nobody could administer the server any more.
 */
export async function updateTask(trx: Queries, input: TaskChange): Promise<void> {
  await keepAdministrator(trx, () => changeTask(trx, input))
}

/** As `updateTask`, for a transaction that looks after the administrators. */
export async function changeTask(trx: Queries, input: TaskChange): Promise<void> {
  const { task, name, description, attributes, by } = input
  const current = await findTaskByKey(trx, task.key)
  if (current === undefined) throw noSuchTask(task)
  if (name) await checkName(trx, current, name)
  const row = {
    ...name,
    ...(description !== undefined && { description }),
    ...(attributes && { attributes: formatAttributes(attributes) }),
  }
  if (Object.keys(row).length > 0) {
    await trx.updateTable('tasks').set(row).where('id', '=', current.id).execute()
  }
  await insertEventBy(trx, 'task.changed', by, {
    task: current.name,
    ...(name && { name: name.name }),
    ...(description !== undefined && { description }),
    ...(attributes && { attributes }),
  })
}

/** Whether there was one. Throws CONFLICT for a built-in task, and for one that rules use. */
export async function deleteTask(
  trx: Queries,
  input: { readonly task: AccessName; readonly by: Actor },
): Promise<boolean> {
  const { task, by } = input
  return await keepAdministrator(trx, async () => {
    const current = await findTaskByKey(trx, task.key)
    if (current === undefined) return false
    if (current.builtIn) {
      throw new RegistryError('CONFLICT', `The task "${current.name}" is built in: it stays.`)
    }
    const { rules } = await trx
      .selectFrom('permissions')
      .select((eb) => eb.fn.countAll<number>().as('rules'))
      .where('task_id', '=', current.id)
      .executeTakeFirstOrThrow()
    if (Number(rules) > 0) {
      throw new RegistryError(
        'CONFLICT',
        `The task "${current.name}" is used by ${rules} permissions or restrictions: delete them first.`,
        { detail: { rules: Number(rules) } },
      )
    }
    await trx.deleteFrom('tasks').where('id', '=', current.id).execute()
    await insertEventBy(trx, 'task.deleted', by, { task: current.name })
    return true
  })
}

async function checkName(trx: Queries, current: TaskRecord, name: AccessName): Promise<void> {
  if (current.builtIn && name.key !== current.key) {
    throw new RegistryError(
      'CONFLICT',
      `The task "${current.name}" is built in: it keeps its name.`,
    )
  }
  const other = await findTaskByKey(trx, name.key)
  if (other && other.id !== current.id) throw nameTaken(other.name)
}

function taskOf(row: Omit<TaskRow, 'id'> & { readonly id: number }): TaskRecord {
  return {
    id: row.id,
    name: row.name,
    key: row.key,
    description: row.description,
    attributes: parseAttributes(row.attributes),
    builtIn: row.built_in === 1,
  }
}

function nameTaken(name: string): RegistryError {
  return new RegistryError('CONFLICT', `There is a task "${name}" already.`)
}

function noSuchTask({ name }: AccessName): RegistryError {
  return new RegistryError('NOT_FOUND', `There is no task "${name}".`)
}
