import { z } from 'zod'
import { numberedPage } from './page.ts'
import { route } from './route.ts'
import { name, time } from './words.ts'

export const AuditEntry = z.object({
  id: z.int(),
  at: time,
  kind: z.string(),
  by: z.string(),
  address: z
    .string()
    .nullable()
    .meta({ description: "Null: the server's own work, or the command line." }),
  feed: z.string().nullable(),
  repository: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()),
})
export type AuditEntry = z.infer<typeof AuditEntry>

export const audit = {
  list: route('GET', '/api/audit/list', {
    summary: 'List what happened, the newest first',
    query: z.strictObject({
      ...numberedPage,
      kind: z
        .string()
        .max(100)
        .optional()
        .meta({ description: '`user.created`, or `user.*` for all that begin so.' }),
      by: z.string().max(300).optional(),
      feed: name.optional(),
      from: time.optional(),
      to: time.optional().meta({ description: 'Before this time.' }),
    }),
    reply: z.array(AuditEntry),
    paged: true,
  }),
}
