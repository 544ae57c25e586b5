import { z } from 'zod'
import { route } from './route.ts'
import { flagInAddress, line, name, prose } from './words.ts'

const ExportedUser = z.strictObject({
  userName: line(100),
  displayName: line(200).optional(),
  email: line(200).optional(),
  passwordHash: z
    .string()
    .max(400)
    .optional()
    .meta({ description: 'As `export` gave it: `scrypt$N$r$p$salt$hash`.' }),
  password: z.string().max(4096).optional(),
  active: z.boolean().optional(),
  groups: z.array(name).max(1000).optional().meta({
    description: 'Those that administrators put the user into; a directory says the others.',
  }),
  directory: name.nullable().optional().meta({
    description:
      'Where the user comes from; a directory of that name must be there. Null or absent: nowhere.',
  }),
  externalId: z.string().min(1).max(1000).nullable().optional().meta({
    description:
      'How the directory knows the user: only that one can log in. Null or absent: whoever has the name there.',
  }),
})

const ExportedPermission = z.strictObject({
  task: name,
  user: name.nullable().optional(),
  group: name.nullable().optional(),
  feed: name.nullable().optional(),
  feedGroup: name.nullable().optional(),
  repositories: z.string().min(1).max(300).nullable().optional(),
  deny: z.boolean().optional(),
})

/** Who may do what, as a document. */
export const SecurityDocument = z.strictObject({
  users: z.array(ExportedUser).max(10_000).optional(),
  groups: z
    .array(z.strictObject({ name: line(100), description: prose(2000).optional() }))
    .max(10_000)
    .optional(),
  tasks: z
    .array(
      z.strictObject({
        name: line(100),
        description: prose(2000).optional(),
        attributes: z.array(z.string().max(100)).max(100),
      }),
    )
    .max(1000)
    .optional(),
  permissions: z.array(ExportedPermission).max(10_000).optional(),
})
export type SecurityDocument = z.infer<typeof SecurityDocument>

export const ImportStep = z.object({
  action: z.enum(['create', 'update']),
  kind: z.enum(['user', 'group', 'task', 'permission']),
  name: z.string(),
  changes: z.array(z.string()).meta({ description: 'Names of what is set; never values.' }),
})
export type ImportStep = z.infer<typeof ImportStep>

export const securityTransfer = {
  export: route('GET', '/api/security/export', {
    summary: 'Export users, groups, tasks and permissions',
    description:
      'With password hashes: keep it as you keep passwords. Directories and API keys are not in it.',
    reply: SecurityDocument,
  }),
  import: route('POST', '/api/security/import', {
    summary: 'Import users, groups, tasks and permissions',
    description:
      'Adds and changes, never deletes, in one transaction. A user of a directory needs a directory of that name. The answer lists what was done; with `dryRun` what would be.',
    query: z.strictObject({ dryRun: flagInAddress.optional() }),
    body: SecurityDocument,
    reply: z.object({ dryRun: z.boolean(), steps: z.array(ImportStep) }),
    maxBodyBytes: 8 * 1024 * 1024,
  }),
}
