import { z } from 'zod'
import { route } from './route.ts'
import { flagInAddress, line, name } from './words.ts'

const kind = z.enum(['ldap', 'oidc'])
const settings = z.record(z.string(), z.unknown()).meta({
  description:
    'Of `ldap`: host, port, security, caCertificate, bindDn, userSearchBase, usersFilter, groupSearchBase, userGroupsFilter, nestedGroups, …; of `oidc`: issuer, clientId, scopes, userNameClaim, groupsClaim, allowedGroups, autoCreate, … (docs/directories.md).',
})
const secret = z.string().max(1000).nullable().optional().meta({
  description: 'Bind password or client secret, never shown. Absent: as it is; null: none.',
})

export const DirectoryInfo = z.object({
  name: z.string(),
  kind,
  enabled: z.boolean(),
  hasSecret: z.boolean(),
  settings,
})
export type DirectoryInfo = z.infer<typeof DirectoryInfo>

const Step = z.object({
  step: z.string(),
  sent: z.string(),
  found: z.string().nullable(),
  reason: z.string().nullable().meta({ description: 'Why it failed.' }),
})

export const directories = {
  list: route('GET', '/api/security/directories/list', {
    summary: 'List directories, in the order in which they are asked',
    reply: z.array(DirectoryInfo),
  }),
  add: route('POST', '/api/security/directories/add', {
    summary: 'Add a directory',
    body: z.strictObject({
      name: line(50),
      kind,
      enabled: z.boolean().optional(),
      settings,
      secret,
    }),
    reply: DirectoryInfo,
  }),
  update: route('POST', '/api/security/directories/update', {
    summary: 'Change a directory',
    description:
      '`settings` replaces all settings. Another server to send the stored secret to is taken together with the secret only.',
    query: z.strictObject({ directory: name }),
    body: z.strictObject({
      name: line(50).optional(),
      enabled: z.boolean().optional(),
      settings: settings.optional(),
      secret,
    }),
    reply: DirectoryInfo,
  }),
  order: route('POST', '/api/security/directories/order', {
    summary: 'Set the order in which directories are asked',
    body: z.strictObject({ directories: z.array(name).max(100) }),
    reply: z.array(DirectoryInfo),
  }),
  delete: route('POST', '/api/security/directories/delete', {
    summary: 'Delete a directory',
    description:
      'Not one that has users here (409), unless they are to go with it. Also where there is none of that name.',
    also: ['DELETE'],
    query: z.strictObject({ directory: name, withUsers: flagInAddress.optional() }),
  }),
  test: route('POST', '/api/security/directories/test', {
    summary: 'Try a directory',
    description:
      'Changes nothing. Of `ldap` a login, loading a user or loading a group; of `oidc` whether the provider answers.',
    body: z.strictObject({
      directory: name,
      user: z.string().max(300).optional(),
      password: z.string().max(4096).optional(),
      group: z.string().max(300).optional(),
    }),
    reply: z.object({
      ok: z.boolean(),
      message: z.string(),
      steps: z.array(Step),
      groups: z.array(z.string()),
      user: z
        .object({
          name: z.string(),
          displayName: z.string(),
          email: z.string(),
          groups: z.array(z.string()),
          enabled: z.boolean(),
        })
        .nullable(),
    }),
  }),
  providers: route('GET', '/api/sessions/providers', {
    summary: 'List where a browser can log in',
    description:
      'It begins at `loginUrl`, which may be given `?return=` with a path of this server.',
    reply: z.array(z.object({ name: z.string(), loginUrl: z.string() })),
  }),
}
