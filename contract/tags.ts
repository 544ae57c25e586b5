import { z } from 'zod'
import { bytes, cursor, inRepository, order, platform, reference, search, tag } from './browse.ts'
import { namedPage, numberedPage } from './page.ts'
import { route } from './route.ts'
import { flagInAddress, time } from './words.ts'

/** What is known of something that came through a connector. */
export const Cached = z.object({
  connector: z.string().nullable().meta({ description: 'Null: it was deleted.' }),
  checked: time.nullable().meta({
    description: 'When the connector last said where the tag points; null: it has no tag.',
  }),
  failure: z
    .object({ at: time, message: z.string() })
    .nullable()
    .meta({ description: 'What came of the last check; null: it said where the tag points.' }),
  isAsked: z.boolean().meta({
    description:
      'Whether the registry still asks the connector for it, so that it can be refreshed.',
  }),
})
export type Cached = z.infer<typeof Cached>

export const TagInfo = z.object({
  name: z.string(),
  digest: z.string(),
  mediaType: z.string(),
  artifactType: z.string().nullable(),
  platforms: z.array(platform).meta({ description: 'Empty: none is known.' }),
  sizeBytes: bytes,
  pushed: time.meta({ description: 'When the tag was last pointed somewhere.' }),
  pushedBy: z.string(),
  created: time,
  pulls: z.int().meta({ description: 'Of the image, by whichever of its tags.' }),
  lastPulled: time.nullable(),
  cachedFrom: Cached.nullable().meta({ description: 'Null: the tag was pushed.' }),
})
export type TagInfo = z.infer<typeof TagInfo>

export const TagMove = z.object({
  id: z.int(),
  at: time,
  by: z.string(),
  tag: z.string(),
  digest: z.string().nullable().meta({ description: 'Null: the tag was deleted.' }),
  previousDigest: z.string().nullable().meta({ description: 'Null: there was none.' }),
  previousIsThere: z.boolean().meta({ description: 'Whether the former image still exists.' }),
})
export type TagMove = z.infer<typeof TagMove>

export const tags = {
  list: route('GET', '/api/containers/tags/list', {
    summary: 'Tags of a repository with the images that they name',
    description:
      'With `search` or `platform` a page may be short, even empty, while the list goes on.',
    query: z.strictObject({
      ...inRepository,
      search: search.meta({ description: 'A part of the name, in either case.' }),
      sort: z.enum(['name', 'version', 'pushed']).optional().meta({
        description: '`name` if absent; `version` understands numbers: 1.10 after 1.9.',
      }),
      order,
      platform: platform.optional(),
      after: cursor,
      count: namedPage.count,
    }),
    reply: z.array(TagInfo),
    paged: true,
    revalidated: true,
  }),
  history: route('GET', '/api/containers/tags/history', {
    summary: 'Where a tag pointed, the newest first',
    query: z.strictObject({ ...inRepository, tag, ...numberedPage }),
    reply: z.array(TagMove),
    paged: true,
  }),
  create: route('POST', '/api/containers/tags/create', {
    summary: 'Point a tag at an image that is there',
    description:
      'Answers `Created` (201), `Exists` (it points there) or `Updated` (moved, with `force`, which needs Feeds_OverwritePackage). 409: it points elsewhere.',
    query: z.strictObject({
      ...inRepository,
      target: reference,
      name: tag,
      force: flagInAddress.optional(),
    }),
    reply: z.enum(['Created', 'Exists', 'Updated']),
    text: true,
  }),
  refresh: route('POST', '/api/containers/tags/refresh', {
    summary: 'Ask the connector now where a cached tag points',
    query: z.strictObject({ ...inRepository, tag }),
    reply: z.object({
      digest: z.string(),
      previousDigest: z.string(),
      warning: z.string().nullable().meta({ description: 'Such as that it is gone there.' }),
    }),
  }),
  delete: route('POST', '/api/containers/tags/delete', {
    summary: 'Delete a tag; its image stays',
    also: ['DELETE'],
    query: z.strictObject({ ...inRepository, tag }),
  }),
}
