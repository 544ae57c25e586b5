import { z } from 'zod'
import { route } from './route.ts'
import { PermissionInfo } from './security-permissions.ts'
import { name } from './words.ts'

export const Privilege = z.object({
  attribute: z.string(),
  allowed: z.boolean(),
  rule: PermissionInfo.nullable().meta({
    description: 'The permission or restriction that decided; null: none speaks of it.',
  }),
})
export type Privilege = z.infer<typeof Privilege>

export const privileges = {
  list: route('GET', '/api/security/privileges', {
    summary: 'What a user may do, each attribute with the rule that decides',
    description: 'The caller may ask about itself; about others an administrator.',
    query: z.strictObject({
      user: name.optional().meta({
        description: 'A user, or `Anonymous`, `Authenticated`, `Everyone`; absent: the caller.',
      }),
      group: name.optional(),
      feed: name.optional().meta({ description: 'Absent: the server as a whole.' }),
      repo: name.optional().meta({ description: 'A repository of that registry.' }),
    }),
    reply: z.array(Privilege),
  }),
}
