import { z } from 'zod'
import { route } from './route.ts'
import { name } from './words.ts'

const kind = z.enum(['disk', 's3', 'azure'])
const properties = z.record(z.string(), z.union([z.string(), z.boolean(), z.number(), z.null()]))

const Property = z.object({
  name: z.string(),
  description: z.string(),
  type: z.enum(['text', 'secret', 'boolean', 'integer']),
  required: z.boolean(),
  placeholder: z.string(),
  isPlace: z.boolean().meta({
    description: 'It says which place it is; the others say how it is used.',
  }),
})

export const StoreKind = z.object({
  id: kind,
  name: z.string(),
  description: z.string(),
  properties: z.record(z.string(), Property),
})
export type StoreKind = z.infer<typeof StoreKind>

export const FeedStorage = z.object({
  id: kind,
  properties: z.record(z.string(), z.string()),
  secrets: z.array(z.string()).meta({ description: 'Those that are kept; never shown.' }),
  moving: z
    .boolean()
    .meta({ description: 'Whether images of the registry may be elsewhere still.' }),
  elsewhere: z.array(z.object({ store: z.string(), blobs: z.int(), bytes: z.int() })).meta({
    description: 'What is in other stores, of each at most a thousand blobs.',
  }),
})
export type FeedStorage = z.infer<typeof FeedStorage>

export const StoreInfo = z.object({
  id: z.int(),
  kind,
  name: z.string().meta({ description: 'A folder, or service, bucket and path.' }),
  registries: z.array(z.string()).meta({ description: 'That push to it.' }),
  problem: z.string().nullable().meta({ description: 'Why it cannot be reached; null: it can.' }),
})
export type StoreInfo = z.infer<typeof StoreInfo>

const body = z.strictObject({
  id: z.string().max(50).meta({ description: 'disk, s3 or azure.' }),
  properties: properties.meta({
    description:
      'Of the kind. A secret that is left out is as it was, if the place is the same; null removes it. SecretAccessKey goes with its AccessKey.',
  }),
})

export const storage = {
  get: route('GET', '/api/storage', {
    summary: 'List kinds of stores, or show where a registry keeps its images',
    description:
      'Without `feed` every kind with its properties; with it the store of that registry.',
    query: z.strictObject({ feed: name.optional() }),
    reply: z.union([z.array(StoreKind), FeedStorage]),
  }),
  stores: route('GET', '/api/storage/stores', {
    summary: 'List the stores, with the registries that use them',
    description: 'Each is asked whether it can be reached, which takes seconds at most.',
    reply: z.array(StoreInfo),
  }),
  set: route('POST', '/api/storage', {
    summary: 'Set where a registry keeps its images',
    description:
      'What is pushed from now on goes there; a job, FeedMove, brings what is elsewhere, which can be pulled meanwhile. Registries that name the same place share it, with its other properties.',
    query: z.strictObject({ feed: name }),
    body,
    reply: FeedStorage,
  }),
  test: route('POST', '/api/storage/test', {
    summary: 'Try a store',
    description:
      'Writes, goes on, finishes, reads a range, lists, follows a signed address if clients are to, and deletes. Nothing is left but the mark of a store where there was none.',
    body,
    reply: z.object({
      steps: z.array(
        z.object({
          step: z.string(),
          reason: z.string().nullable().meta({ description: 'Why it failed.' }),
        }),
      ),
      works: z.boolean(),
    }),
  }),
}
