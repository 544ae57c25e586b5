import { z } from 'zod'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { line, name, prose, quota } from './words.ts'

const overwrite = z.enum(['allowed', 'permission', 'never']).meta({
  description:
    'Whether an existing tag may be moved: `permission` only with Feeds_OverwritePackage.',
})

export const FeedInfo = z.object({
  name: z.string(),
  alternateNames: z.array(z.string()),
  feedType: z.literal('docker'),
  description: z.string(),
  active: z.boolean(),
  feedGroup: z.string().nullable(),
  endpointUrl: z.string().meta({ description: 'What image names begin with, behind a scheme.' }),
  tagDeletion: z.boolean(),
  overwrite,
  sparseIndexes: z.boolean(),
  externalLayers: z.boolean(),
  canPublish: z.boolean().meta({ description: 'Whether the caller may push.' }),
  connectors: z.array(z.string()).meta({ description: 'In the order in which they are asked.' }),
  cacheConnectors: z.boolean().meta({ description: 'Whether what comes through them is kept.' }),
  mirrorOf: z.string().nullable().meta({ description: 'The host that it stands in for.' }),
  defaultMirror: z
    .boolean()
    .meta({ description: 'Whether it answers clients that name no registry.' }),
  quotaBytes: z.int().nullable().meta({ description: 'How much there may be in it.' }),
  repositoryQuotaBytes: z
    .int()
    .nullable()
    .meta({ description: 'In each of its repositories that has no quota of its own.' }),
})
export type FeedInfo = z.infer<typeof FeedInfo>

const readOnly = {
  description: 'Not taken: it is here so that what `get` answered can be sent back.',
}

const changes = {
  alternateNames: z
    .array(line(300))
    .max(100)
    .nullable()
    .optional()
    .meta({ description: 'All of them; null or an empty list for none.' }),
  feedType: z.literal('docker').optional(),
  description: prose(2000).nullable().optional(),
  active: z
    .boolean()
    .optional()
    .meta({ description: 'A registry that is not active answers nobody.' }),
  feedGroup: name.nullable().optional().meta({ description: 'Null: in none.' }),
  tagDeletion: z
    .boolean()
    .optional()
    .meta({ description: 'Whether clients may delete a tag over /v2.' }),
  overwrite: overwrite.optional(),
  sparseIndexes: z.boolean().optional().meta({
    description: 'Whether manifests may refer to images and layers that are not here.',
  }),
  externalLayers: z.boolean().optional().meta({
    description: 'Whether images may have layers that are elsewhere: with URLs, or foreign.',
  }),
  connectors: z.array(name).max(100).optional().meta({
    description: 'All of them, in the order in which they are asked. For administrators.',
  }),
  cacheConnectors: z.boolean().optional(),
  mirrorOf: z.string().max(300).nullable().optional().meta({
    description: '`docker.io`; null: of none. One registry a host. For administrators.',
  }),
  defaultMirror: z.boolean().optional().meta({
    description: 'One registry at most. For administrators.',
  }),
  quotaBytes: quota.meta({
    description:
      'How much there may be in it: pushes of more are refused. Null: any number of bytes. For administrators.',
  }),
  repositoryQuotaBytes: quota.meta({
    description: 'The same for each of its repositories that has no quota of its own.',
  }),
  endpointUrl: z.string().optional().meta(readOnly),
  canPublish: z.boolean().optional().meta(readOnly),
}

const params = z.strictObject({ name })

export const feeds = {
  create: route('POST', '/api/management/feeds/create', {
    summary: 'Create a registry',
    also: ['PUT'],
    body: z.strictObject({ name: line(300), ...changes }),
    reply: FeedInfo,
  }),
  get: route('GET', '/api/management/feeds/get/:name', {
    summary: 'Get a registry',
    params,
    reply: FeedInfo,
  }),
  list: route('GET', '/api/management/feeds/list', {
    summary: 'List the registries that the caller may view, by name',
    query: z.strictObject({ ...namedPage }),
    reply: z.array(FeedInfo),
    paged: true,
  }),
  update: route('POST', '/api/management/feeds/update/:name', {
    summary: 'Change a registry',
    description: 'Only what is named is changed; a list is replaced, null empties.',
    also: ['PUT'],
    params,
    body: z.strictObject({ name: line(300).optional(), ...changes }),
    reply: FeedInfo,
  }),
  delete: route('POST', '/api/management/feeds/delete/:name', {
    summary: 'Delete a registry with everything in it',
    description: 'It is unreachable at once. Also where there is none of that name.',
    also: ['DELETE'],
    params,
  }),
}
