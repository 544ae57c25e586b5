import { z } from 'zod'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { line, name, prose } from './words.ts'

export const GroupInfo = z.object({
  name: z.string(),
  description: z.string(),
  users: z.array(z.string()).meta({ description: 'Members, those from directories too.' }),
})
export type GroupInfo = z.infer<typeof GroupInfo>

const users = z.array(name).max(10_000)

export const securityGroups = {
  add: route('POST', '/api/security/groups/add', {
    summary: 'Add a group',
    body: z.strictObject({
      name: line(100),
      description: prose(2000).optional(),
      users: users.optional(),
    }),
    reply: GroupInfo,
  }),
  update: route('POST', '/api/security/groups/update', {
    summary: 'Change a group',
    description:
      '`users` replaces the members that administrators added; those that a directory named stay.',
    body: z.strictObject({
      name: line(100),
      description: prose(2000).optional(),
      users: users.optional(),
    }),
    reply: GroupInfo,
  }),
  delete: route('POST', '/api/security/groups/delete', {
    summary: 'Delete a group',
    description: 'Its permissions go too. Also where there is none of that name.',
    also: ['DELETE'],
    query: z.strictObject({ group: name }),
  }),
  list: route('GET', '/api/security/groups/list', {
    summary: 'List groups, by name',
    query: z.strictObject({ ...namedPage }),
    reply: z.array(GroupInfo),
    paged: true,
  }),
}
