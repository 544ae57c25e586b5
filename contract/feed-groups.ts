import { z } from 'zod'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { line, name } from './words.ts'

export const FeedGroupInfo = z.object({ name: z.string(), feeds: z.array(z.string()) })
export type FeedGroupInfo = z.infer<typeof FeedGroupInfo>

const feeds = z.array(name).max(10_000)

export const feedGroups = {
  create: route('POST', '/api/management/feed-groups/create', {
    summary: 'Create a feed group',
    also: ['PUT'],
    body: z.strictObject({ name: line(100), feeds: feeds.optional() }),
    reply: FeedGroupInfo,
  }),
  list: route('GET', '/api/management/feed-groups/list', {
    summary: 'List the feed groups, by name',
    query: z.strictObject({ ...namedPage }),
    reply: z.array(FeedGroupInfo),
    paged: true,
  }),
  update: route('POST', '/api/management/feed-groups/update', {
    summary: 'Change a feed group',
    description: '`feeds` are all that are in it from now on; they leave other groups.',
    query: z.strictObject({ group: name }),
    body: z.strictObject({ name: line(100).optional(), feeds: feeds.optional() }),
    reply: FeedGroupInfo,
  }),
  delete: route('POST', '/api/management/feed-groups/delete', {
    summary: 'Delete a feed group',
    description:
      'Its registries stay, in no group; its permissions go. Also where there is none of that name.',
    also: ['DELETE'],
    query: z.strictObject({ group: name }),
  }),
}
