import { z } from 'zod'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { line, name, prose } from './words.ts'

export const TaskInfo = z.object({
  name: z.string(),
  description: z.string(),
  attributes: z.array(z.string()),
  builtIn: z.boolean(),
})
export type TaskInfo = z.infer<typeof TaskInfo>

export const AttributeInfo = z.object({
  name: z.string(),
  scope: z.enum(['feed', 'server']).meta({
    description: 'Whether it can be given for one registry, or only for the server.',
  }),
})
export type AttributeInfo = z.infer<typeof AttributeInfo>

const attributes = z.array(z.string().max(100)).max(100)

export const securityTasks = {
  add: route('POST', '/api/security/tasks/add', {
    summary: 'Add a task',
    body: z.strictObject({ name: line(100), description: prose(2000).optional(), attributes }),
    reply: TaskInfo,
  }),
  update: route('POST', '/api/security/tasks/update', {
    summary: 'Change a task',
    description: 'Only what is named is changed; the list of attributes is replaced.',
    body: z.strictObject({
      name: line(100),
      description: prose(2000).optional(),
      attributes: attributes.optional(),
    }),
    reply: TaskInfo,
  }),
  delete: route('POST', '/api/security/tasks/delete', {
    summary: 'Delete a task',
    description: 'Not one that permissions use (409). Also where there is none of that name.',
    also: ['DELETE'],
    query: z.strictObject({ task: name }),
  }),
  list: route('GET', '/api/security/tasks/list', {
    summary: 'List tasks, by name',
    query: z.strictObject({ ...namedPage }),
    reply: z.array(TaskInfo),
    paged: true,
  }),
  attributes: route('GET', '/api/security/attributes/list', {
    summary: 'List what tasks can be made of',
    reply: z.array(AttributeInfo),
  }),
}
