import { z } from 'zod'
import { Done, daily, Pulls, Quota, Sizes } from './browse.ts'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { name } from './words.ts'

export const RegistryOverview = z.object({
  name: z.string(),
  description: z.string(),
  active: z.boolean(),
  feedGroup: z.string().nullable(),
  imagePrefix: z
    .string()
    .meta({ description: 'What names of images begin with: `registry.example.com/main/`.' }),
  repositories: z.int(),
  tags: z.int(),
  images: z.int().meta({ description: 'Manifests of any kind.' }),
  lastPush: Done.nullable(),
  pulls: Pulls,
  sizes: Sizes.nullable().meta({ description: 'Null for who may view only some of it.' }),
  quota: Quota.nullable().meta({
    description: 'Null without one, and for who may view only some of it.',
  }),
  daily,
  public: z.boolean().meta({ description: 'Whether Anonymous may pull from all of it.' }),
  partly: z
    .boolean()
    .meta({ description: 'Whether the caller may view only some of its repositories.' }),
  canPublish: z.boolean(),
  canManage: z.boolean(),
})
export type RegistryOverview = z.infer<typeof RegistryOverview>

export const registries = {
  list: route('GET', '/api/containers/registries/list', {
    summary: 'Registries with what is in them, by name',
    description:
      'Those that the caller may view, each with what the caller may view of it. Counts and sizes are up to 5 seconds old.',
    query: z.strictObject({ ...namedPage }),
    reply: z.array(RegistryOverview),
    paged: true,
    revalidated: true,
  }),
  get: route('GET', '/api/containers/registries/get', {
    summary: 'One registry with what is in it',
    query: z.strictObject({ feed: name }),
    reply: RegistryOverview,
    revalidated: true,
  }),
}
