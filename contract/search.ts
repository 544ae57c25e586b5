import { z } from 'zod'
import { route } from './route.ts'

const place = { feed: z.string(), repository: z.string() }

export const SearchResult = z.object({
  registries: z.array(z.object({ name: z.string(), description: z.string() })),
  repositories: z.array(z.object(place)),
  tags: z.array(z.object({ ...place, tag: z.string(), digest: z.string() })),
  images: z.array(z.object({ ...place, digest: z.string() })),
  isComplete: z
    .boolean()
    .meta({ description: 'False: there may be more; a longer word finds it.' }),
})
export type SearchResult = z.infer<typeof SearchResult>

export const search = {
  find: route('GET', '/api/containers/search', {
    summary: 'Search registries, repositories, tags and digests',
    description:
      'Of all that the caller may view: a part of the name of a registry or repository, the beginning of a tag (in its case) or of a digest (6 digits at least, with or without `sha256:`). `main/team/app:1.4` looks for the tag there. 20 of each kind, 3 tags of a repository.',
    query: z.strictObject({ q: z.string().min(1).max(400) }),
    reply: SearchResult,
  }),
}
