import { z } from 'zod'
import { name, time } from './words.ts'

/** Where a repository is: a registry by any of its names, and a name inside it. */
export const inRepository = {
  feed: name.meta({ description: 'The registry, by any of its names.' }),
  repo: z
    .string()
    .min(1)
    .max(255)
    .meta({ description: 'The repository inside the registry: `team/app`.' }),
}

export const digest = z
  .string()
  .regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, 'a whole digest: sha256:<64 digits>')

export const tag = z
  .string()
  .regex(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/, 'at most 128 letters, digits, "_", "." and "-"')

export const reference = z
  .string()
  .min(1)
  .max(140)
  .meta({ description: 'A tag, or a whole digest.' })

export const order = z
  .enum(['asc', 'desc'])
  .optional()
  .meta({ description: 'Names go up and times go down if absent.' })

/** A part of a name to look for. */
export const search = z.string().max(255).optional()

export const cursor = z
  .string()
  .max(400)
  .optional()
  .meta({ description: 'What the `Link` header of the page before says.' })

/** `linux/arm64/v8`; of Windows `windows/amd64:10.0.17763.1234`. */
export const platform = z
  .string()
  .meta({ description: 'As `linux/arm64/v8`; of Windows `windows/amd64:10.0.17763.1`.' })

/** How much there may be, and how much there is. */
export const Quota = z.object({
  bytes: z.int(),
  usedBytes: z.int().meta({ description: 'Blobs, each once, and manifests.' }),
  nearlyFull: z.boolean().meta({ description: 'From 80 % on: who pushes is warned.' }),
})
export type Quota = z.infer<typeof Quota>

/** Who did something and when. */
export const Done = z.object({ at: time, by: z.string() })
export type Done = z.infer<typeof Done>

export const Pulls = z.object({
  total: z.int(),
  last30Days: z.int(),
  last: time.nullable().meta({ description: 'Of the last pull; some seconds late.' }),
})
export type Pulls = z.infer<typeof Pulls>

export const daily = z
  .array(z.int())
  .length(30)
  .meta({ description: 'Pulls of each of the last 30 days (UTC), today last.' })

export const bytes = z.int().nullable().meta({
  description: 'Manifest, configuration and layers, of an index of all its images, each once.',
})

/** How large a repository or registry is. */
export const Sizes = z.object({
  manifestBytes: z.int().meta({ description: 'Of manifests, which lie in the database.' }),
  logicalBytes: z.int().meta({
    description: 'Blobs that the manifests refer to, for each of them anew.',
  }),
  deduplicatedBytes: z.int().meta({ description: 'Blobs, each once.' }),
})
