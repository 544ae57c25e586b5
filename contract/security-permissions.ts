import { z } from 'zod'
import { numberedPage } from './page.ts'
import { route } from './route.ts'
import { idInAddress, name } from './words.ts'

export const PermissionInfo = z.object({
  id: z.int(),
  user: z.string().nullable().meta({
    description: 'A user, or `Everyone`, `Authenticated`, `Anonymous`.',
  }),
  group: z.string().nullable(),
  task: z.string(),
  feed: z.string().nullable(),
  feedGroup: z.string().nullable(),
  repositories: z.string().nullable().meta({
    description: 'A pattern of repository names inside the registry; null: all of it.',
  }),
  deny: z.boolean().meta({ description: 'True: a restriction.' }),
})
export type PermissionInfo = z.infer<typeof PermissionInfo>

const absent = { description: 'Null or absent: none.' }

export const securityPermissions = {
  add: route('POST', '/api/security/permissions/add', {
    summary: 'Add a permission or a restriction',
    description: 'To a user or a group; everywhere, in a feed group or in a registry.',
    body: z.strictObject({
      task: name,
      user: name.nullable().optional().meta(absent),
      group: name.nullable().optional().meta(absent),
      feed: name.nullable().optional().meta(absent),
      feedGroup: name.nullable().optional().meta(absent),
      repositories: z.string().min(1).max(300).nullable().optional().meta({
        description: 'Repository names with `*`; needs `feed`.',
      }),
      deny: z.boolean().optional(),
    }),
    reply: PermissionInfo,
  }),
  delete: route('POST', '/api/security/permissions/delete', {
    summary: 'Delete a permission or a restriction',
    description: 'Also where there is none of that number.',
    also: ['DELETE'],
    query: z.strictObject({ permissionId: idInAddress }),
  }),
  list: route('GET', '/api/security/permissions/list', {
    summary: 'List permissions and restrictions, by number',
    query: z.strictObject({ ...numberedPage }),
    reply: z.array(PermissionInfo),
    paged: true,
  }),
}
