import { z } from 'zod'
import { Sizes } from './browse.ts'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { name } from './words.ts'

const bytes = z.int().min(0)

const sums = {
  manifests: z.int(),
  blobs: z.int(),
  ...Sizes.shape,
}

const imageSizes = {
  digest: z.string(),
  logicalBytes: bytes.meta({ description: 'Blobs of the image and all below it, each once.' }),
  manifestBytes: bytes.meta({ description: 'Its manifest and all below it.' }),
}

const inRepository = z.strictObject({ feed: name, repo: name, ...namedPage })

export const sizes = {
  server: route('GET', '/api/sizes/server', {
    summary: 'How large everything is',
    reply: z.object({
      ...sums,
      stores: z.array(
        z.object({
          id: z.int(),
          blobs: z.int(),
          blobBytes: bytes,
          freedBytes: bytes.meta({
            description: 'Bytes that nothing names any more, until they are removed.',
          }),
          uploadBytes: bytes.meta({ description: 'Of uploads that have not ended.' }),
        }),
      ),
    }),
  }),
  feeds: route('GET', '/api/sizes/feeds', {
    summary: 'How large each registry is',
    query: z.strictObject(namedPage),
    reply: z.array(z.object({ name: z.string(), ...sums })),
    paged: true,
  }),
  feed: route('GET', '/api/sizes/feed', {
    summary: 'How large a registry is',
    query: z.strictObject({ feed: name }),
    reply: z.object(sums),
  }),
  repositories: route('GET', '/api/sizes/repositories', {
    summary: 'How large the repositories of a registry are',
    query: z.strictObject({ feed: name, ...namedPage }),
    reply: z.array(z.object({ repository: z.string(), ...sums })),
    paged: true,
  }),
  tags: route('GET', '/api/sizes/tags', {
    summary: 'How large the images of tags are',
    query: inRepository,
    reply: z.array(z.object({ tag: z.string(), ...imageSizes })),
    paged: true,
  }),
  images: route('GET', '/api/sizes/images', {
    summary: 'How large images are',
    query: inRepository,
    reply: z.array(z.object(imageSizes)),
    paged: true,
  }),
  freed: route('POST', '/api/sizes/freed', {
    summary: 'What deleting would free',
    description:
      'Of these tags and images of a repository; without them of the whole repository, and without that of the whole registry. Changes nothing.',
    query: z.strictObject({ feed: name, repo: name.optional() }),
    body: z.strictObject({
      tags: z.array(z.string().max(128)).max(1000).optional(),
      images: z.array(z.string().max(200)).max(1000).optional(),
    }),
    reply: z.object({
      images: z.int().nullable().meta({
        description: 'How many images would go; null of a whole repository or registry.',
      }),
      freedBytes: bytes.nullable().meta({
        description: 'What nothing else holds; null where there are more than a million blobs.',
      }),
    }),
  }),
}
