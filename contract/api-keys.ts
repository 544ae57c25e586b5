import { z } from 'zod'
import { numberedPage } from './page.ts'
import { route } from './route.ts'
import { idInAddress, line, name, prose, time } from './words.ts'

const type = z.enum(['system', 'feed', 'personal'])
const systemApi = z.enum(['full-control', 'feeds'])
const packagePermission = z.enum(['view', 'add', 'promote', 'delete'])
const logging = z.enum(['none', 'request'])
const expiration = z
  .union([z.iso.datetime(), z.iso.date()])
  .meta({ description: 'UTC, ISO 8601; a date without a time is its beginning.' })

export const ApiKeyInfo = z.object({
  id: z.int(),
  type,
  key: z.string().nullable().meta({
    description: 'Only in the answer that makes it: the server keeps a hash.',
  }),
  displayName: z.string(),
  description: z.string(),
  systemApis: z.array(systemApi),
  packagePermissions: z.array(packagePermission),
  feed: z.string().nullable(),
  feedGroup: z.string().nullable(),
  repositories: z.string().nullable(),
  user: z.string().nullable(),
  expiration: time.nullable(),
  logging,
  enabled: z.boolean(),
  created: time,
  createdBy: z.string(),
  lastUsed: time.nullable(),
  lastUsedAddress: z.string().nullable(),
  secondKeyExpires: time.nullable().meta({
    description: 'After a rotation: until when the former key is good too.',
  }),
})
export type ApiKeyInfo = z.infer<typeof ApiKeyInfo>

const changeable = {
  displayName: line(200).optional(),
  description: prose(2000).optional(),
  systemApis: z.array(systemApi).max(10).optional(),
  packagePermissions: z.array(packagePermission).max(10).optional().meta({
    description:
      'For `feed` keys all four if absent; for `personal` ones absent takes all of the user. An empty list is refused.',
  }),
  repositories: z.string().min(1).max(300).nullable().optional().meta({
    description: 'A pattern of repository names that the key is kept to.',
  }),
  expiration: expiration.nullable().optional(),
  logging: logging.optional(),
}

export const apiKeys = {
  create: route('POST', '/api/api-keys/create', {
    summary: 'Create an API key',
    description:
      'The answer has the key, this once. Administrators make any, and every user its own `personal` ones.',
    body: z.strictObject({
      type,
      feed: name.nullable().optional(),
      feedGroup: name.nullable().optional(),
      user: name.nullable().optional().meta({
        description: 'Whose `personal` key it is; absent: the caller.',
      }),
      ...changeable,
    }),
    reply: ApiKeyInfo,
  }),
  list: route('GET', '/api/api-keys/list', {
    summary: 'List API keys, by number',
    description: 'All for an administrator; to others their own.',
    query: z.strictObject({ ...numberedPage }),
    reply: z.array(ApiKeyInfo),
    paged: true,
  }),
  update: route('POST', '/api/api-keys/update', {
    summary: 'Change an API key',
    description: 'Only what is named is changed. `enabled` false switches it off.',
    query: z.strictObject({ id: idInAddress }),
    body: z.strictObject({ ...changeable, enabled: z.boolean().optional() }),
    reply: ApiKeyInfo,
  }),
  rotate: route('POST', '/api/api-keys/rotate', {
    summary: 'Give an API key a new secret',
    description: 'The former one stays good for a while, so that clients can change over.',
    query: z.strictObject({
      id: idInAddress,
      overlapHours: z
        .string()
        .regex(/^[0-9]{1,4}$/, 'whole hours, at most 720')
        .transform(Number)
        .pipe(z.number().max(720))
        .optional()
        .meta({ description: 'How long both are good: 0 to 720, 24 if absent.' }),
    }),
    reply: ApiKeyInfo,
  }),
  delete: route('POST', '/api/api-keys/delete', {
    summary: 'Delete an API key',
    description: 'It is out within a second. Also where there is none of that number.',
    also: ['DELETE'],
    query: z.strictObject({ id: idInAddress }),
  }),
  requests: route('GET', '/api/api-keys/requests', {
    summary: 'List what an API key was used for, the newest first',
    description: 'Where its `logging` says so.',
    query: z.strictObject({ id: idInAddress, ...numberedPage }),
    reply: z.array(
      z.object({
        id: z.int(),
        at: time,
        address: z.string(),
        method: z.string(),
        path: z.string(),
        status: z.int(),
      }),
    ),
    paged: true,
  }),
}
