import { z } from 'zod'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { line, name, time } from './words.ts'

export const UserInfo = z.object({
  name: z.string(),
  displayName: z.string(),
  email: z.string(),
  groups: z.array(z.string()),
  active: z.boolean(),
  directory: z.string().nullable().meta({ description: "Null: the server's own users." }),
  lastLogin: time.nullable(),
  created: time,
})
export type UserInfo = z.infer<typeof UserInfo>

const password = z.string().min(1).max(4096).meta({
  description: 'At least 8 characters, at most 1024 bytes.',
})
const groups = z.array(name).max(1000).meta({ description: 'All of them, by name.' })

export const securityUsers = {
  add: route('POST', '/api/security/users/add', {
    summary: 'Add a user',
    body: z.strictObject({
      name: line(100),
      displayName: line(200).optional(),
      email: line(200).optional(),
      password,
      groups: groups.optional(),
    }),
    reply: UserInfo,
  }),
  update: route('POST', '/api/security/users/update', {
    summary: 'Change a user',
    description:
      'Only what is named is changed. A new password, or `active` false, ends all sessions and tokens of the user.',
    body: z.strictObject({
      name: line(100),
      displayName: line(200).optional(),
      email: line(200).optional(),
      password: password.optional(),
      active: z.boolean().optional(),
      groups: groups.optional(),
    }),
    reply: UserInfo,
  }),
  changePassword: route('POST', '/api/security/users/change-password', {
    summary: "Change the caller's own password",
    description:
      'All sessions and tokens of the user end, this one too. A wrong password counts as a failed login.',
    body: z.strictObject({ password: z.string().max(4096), newPassword: password }),
  }),
  delete: route('POST', '/api/security/users/delete', {
    summary: 'Delete a user',
    description: 'Permissions and personal keys go too. Also where there is none of that name.',
    also: ['DELETE'],
    query: z.strictObject({ user: name }),
  }),
  list: route('GET', '/api/security/users/list', {
    summary: 'List users, by name',
    query: z.strictObject({
      ...namedPage,
      'search-term': z
        .string()
        .max(200)
        .optional()
        .meta({ description: 'A part of the name, the display name or the mail address.' }),
    }),
    reply: z.array(UserInfo),
    paged: true,
  }),
}
