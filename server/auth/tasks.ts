import type { Db } from '../db/database.ts'
import {
  deleteTask as deleteRow,
  findTaskByKey,
  insertTask,
  listTaskRecords,
  type TaskRecord,
  updateTask as updateRow,
} from '../db/tasks.ts'
import { accessName, parseAccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { type Attribute, isAttribute } from '../domain/attribute.ts'
import { parseField, RegistryError, refuseField } from '../domain/errors.ts'

/** A named set of attributes. */
export interface TaskInfo {
  readonly name: string
  readonly description: string
  readonly attributes: readonly Attribute[]
  readonly builtIn: boolean
}

interface TaskDeps {
  readonly db: Db
  readonly by: Actor
}

/** All of them, by name: there are few. */
export async function listTasks({ db }: { readonly db: Db }): Promise<readonly TaskInfo[]> {
  return (await listTaskRecords(db.read)).map(infoOf)
}

/** Throws NOT_FOUND, naming it. */
export async function getTask({ db }: { readonly db: Db }, name: string): Promise<TaskInfo> {
  const { key, name: shown } = accessName(name)
  const task = await findTaskByKey(db.read, key)
  if (task) return infoOf(task)
  throw new RegistryError('NOT_FOUND', `There is no task "${shown}".`)
}

/** Throws INVALID_FIELDS for a bad name or attribute, CONFLICT for a name that is taken. */
export async function addTask(
  { db, by }: TaskDeps,
  input: {
    readonly name: string
    readonly description?: string
    readonly attributes: readonly string[]
  },
): Promise<TaskInfo> {
  await db.write(insertTask, {
    task: parseField('name', () => parseAccessName('task', input.name)),
    description: input.description ?? '',
    attributes: parseAttributes(input.attributes),
    by,
  })
  return await getTask({ db }, input.name)
}

/**
 * Changes what is named. Throws NOT_FOUND, INVALID_FIELDS, or CONFLICT: also for another name of a
 * built-in task, and when nobody could administer the server any more.
 */
export async function updateTask(
  { db, by }: TaskDeps,
  name: string,
  changes: {
    readonly name?: string
    readonly description?: string
    readonly attributes?: readonly string[]
  },
): Promise<TaskInfo> {
  const { name: newName, description, attributes } = changes
  await db.write(updateRow, {
    task: accessName(name),
    ...(newName !== undefined && {
      name: parseField('name', () => parseAccessName('task', newName)),
    }),
    ...(description !== undefined && { description }),
    ...(attributes && { attributes: parseAttributes(attributes) }),
    by,
  })
  return await getTask({ db }, newName ?? name)
}

/** Whether there was one. Throws CONFLICT for a built-in one, and naming how many rules use it. */
export async function deleteTask({ db, by }: TaskDeps, name: string): Promise<boolean> {
  return await db.write(deleteRow, { task: accessName(name), by })
}

/** Throws INVALID_FIELDS naming the first that there is not. */
export function parseAttributes(names: readonly string[]): readonly Attribute[] {
  return names.map((name) =>
    isAttribute(name)
      ? name
      : refuseField('attributes', `There is no attribute "${name.slice(0, 100)}".`),
  )
}

function infoOf({ name, description, attributes, builtIn }: TaskRecord): TaskInfo {
  return { name, description, attributes, builtIn }
}
