import { z } from 'zod'
import { cursor, Done, daily, inRepository, order, Pulls, Quota, Sizes, search } from './browse.ts'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { name, quota, time } from './words.ts'

export const RepositoryInfo = z.object({
  feed: z.string(),
  name: z.string(),
  tags: z.int(),
  images: z.int().meta({ description: 'Manifests of any kind, tagged or not.' }),
  created: time,
  lastPush: Done.nullable(),
  pulls: Pulls,
  sizes: Sizes.meta({ description: 'Up to 5 seconds old.' }),
  quota: Quota.nullable().meta({ description: 'Its own, or what the registry says; null: none.' }),
})
export type RepositoryInfo = z.infer<typeof RepositoryInfo>

export const RepositoryDetails = RepositoryInfo.extend({
  imageName: z
    .string()
    .meta({ description: 'What to pull, without tag: `registry.example.com/main/team/app`.' }),
  daily,
  canPush: z.boolean(),
  canOverwrite: z.boolean(),
  canDelete: z.boolean(),
  canManage: z.boolean().meta({ description: 'Whether the caller may change its quota.' }),
  ownQuotaBytes: z
    .int()
    .nullable()
    .meta({ description: 'Null: what the registry says of its repositories.' }),
})
export type RepositoryDetails = z.infer<typeof RepositoryDetails>

/** What deleting a whole repository takes. */
export const RepositoryDeletion = z.object({
  feed: z.string(),
  name: z.string(),
  tags: z.int(),
  images: z.int(),
  uploads: z.int().meta({ description: 'Pushes that are under way; 100 at most are counted.' }),
  lastPush: Done.nullable(),
  lastPulled: time.nullable(),
})
export type RepositoryDeletion = z.infer<typeof RepositoryDeletion>

export const repositories = {
  list: route('GET', '/api/containers/repositories/list', {
    summary: 'Repositories of a registry',
    description:
      'Those with a manifest that the caller may view. With `search` a page may be short, even empty, while the list goes on.',
    query: z.strictObject({
      feed: name,
      search,
      sort: z.enum(['name', 'pushed']).optional().meta({ description: '`name` if absent.' }),
      order,
      after: cursor,
      count: namedPage.count,
    }),
    reply: z.array(RepositoryInfo),
    paged: true,
    revalidated: true,
  }),
  get: route('GET', '/api/containers/repositories/get', {
    summary: 'One repository, and what the caller may do there',
    query: z.strictObject(inRepository),
    reply: RepositoryDetails,
    revalidated: true,
  }),
  update: route('POST', '/api/containers/repositories/update', {
    summary: 'Change a repository',
    description: 'Only what is named is changed.',
    query: z.strictObject(inRepository),
    body: z.strictObject({
      quotaBytes: quota.meta({
        description:
          'How much there may be in it: pushes of more are refused. Null: what the registry says of its repositories.',
      }),
    }),
    reply: RepositoryDetails,
  }),
  previewDelete: route('GET', '/api/containers/repositories/preview-delete', {
    summary: 'What deleting a repository takes',
    query: z.strictObject(inRepository),
    reply: RepositoryDeletion.extend({
      freedBytes: z.int().nullable().meta({
        description:
          'What clean-up frees then. Null for all but administrators, since it tells what other registries hold; and of more than a million blobs.',
      }),
    }),
  }),
  delete: route('POST', '/api/containers/repositories/delete', {
    summary: 'Delete a repository with everything in it',
    description:
      'It is gone at once, pushes under way included; a job removes its rows, clean-up its bytes.',
    also: ['DELETE'],
    query: z.strictObject(inRepository),
    reply: RepositoryDeletion.extend({
      run: z.int().meta({ description: 'Of the job that removes what it had.' }),
    }),
  }),
}
