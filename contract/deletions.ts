import { z } from 'zod'
import { digest, inRepository, tag } from './browse.ts'
import { route } from './route.ts'

const what = z.strictObject({
  ...inRepository,
  tags: z
    .array(tag)
    .max(100)
    .optional()
    .meta({ description: 'To be deleted alone: their images stay.' }),
  images: z
    .array(digest)
    .max(100)
    .optional()
    .meta({ description: 'To be deleted with all their tags.' }),
  force: z
    .boolean()
    .optional()
    .meta({ description: 'Also images that an index lists: it then has a hole.' }),
})

const because = z.enum(['tag', 'index', 'subject'])

/** What a deletion takes, in the order of the request. */
export const DeletionPreview = z.object({
  tags: z.array(z.object({ name: z.string(), digest: z.string(), asked: z.boolean() })).meta({
    description:
      'All that go; those not asked for point at an image that goes, or are signatures of one.',
  }),
  images: z.array(
    z.object({ digest: z.string(), mediaType: z.string(), sizeBytes: z.int().nullable() }),
  ),
  untagged: z
    .array(z.string())
    .meta({ description: 'Images that stay without any tag. Nothing removes them by itself.' }),
  orphans: z
    .array(
      z.object({
        digest: z.string(),
        relation: z.enum(['child', 'referrer']),
        of: z.string(),
      }),
    )
    .meta({ description: 'Go with clean-up, once the grace time is over.' }),
  kept: z
    .array(z.object({ digest: z.string(), because, by: z.array(z.string()) }))
    .meta({ description: 'Children and referrers that stay, and what holds them.' }),
  refused: z
    .array(z.object({ digest: z.string(), usedBy: z.array(z.string()) }))
    .meta({ description: 'Images that an index lists: they stay unless `force` is given.' }),
  missing: z.array(z.string()).meta({ description: 'Tags and digests that are not there.' }),
  isComplete: z.boolean().meta({
    description: 'False: an image has more than 1,000 relatives; the rest is not listed.',
  }),
  freedBytes: z.int().nullable().meta({
    description:
      'What clean-up frees then. Null for all but administrators, since it tells what other registries hold; and where it is too much to look up.',
  }),
  graceSeconds: z.int().meta({ description: 'How long clean-up waits before it takes orphans.' }),
})
export type DeletionPreview = z.infer<typeof DeletionPreview>

export const deletions = {
  preview: route('POST', '/api/containers/deletions/preview', {
    summary: 'What deleting tags and images takes, and what stays',
    description: 'Changes nothing.',
    body: what,
    reply: DeletionPreview,
  }),
  run: route('POST', '/api/containers/deletions/run', {
    summary: 'Delete tags and images of a repository',
    description:
      'Indexes before what they list, each image by itself. What an index lists that is not deleted too is refused, named, and stays, unless `force` is given.',
    body: what.extend({
      pointing: z.record(tag, digest).optional().meta({
        description:
          'By tag, the image that it has to point at still: one that was moved meanwhile stays.',
      }),
    }),
    reply: z.object({
      tags: z.array(z.string()),
      moved: z.array(z.string()).meta({ description: 'Tags that stay: they point elsewhere.' }),
      images: z.array(z.string()),
      refused: z.array(z.object({ digest: z.string(), usedBy: z.array(z.string()) })),
      missing: z.array(z.string()),
    }),
  }),
}
