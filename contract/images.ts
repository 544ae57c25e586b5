import { z } from 'zod'
import { bytes, cursor, Done, digest, inRepository, Pulls, platform, reference } from './browse.ts'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { Cached } from './tags.ts'
import { flagInAddress, time } from './words.ts'

export const ImageFacts = z.object({
  digest: z.string(),
  mediaType: z.string(),
  artifactType: z.string().nullable(),
  kind: z
    .enum(['image', 'index', 'artifact'])
    .meta({ description: 'An artifact is what no container is started from: a chart, an SBOM.' }),
  manifestBytes: z.int(),
  sizeBytes: bytes,
  platforms: z.array(platform),
  pushed: Done.meta({ description: 'When this manifest first came into the repository.' }),
})
export type ImageFacts = z.infer<typeof ImageFacts>

const text = z.record(z.string(), z.string())

export const ImageConfig = z.object({
  digest: z.string(),
  mediaType: z.string(),
  sizeBytes: z.int(),
  problem: z.string().nullable().meta({
    description: 'Why the rest is empty: missing, damaged, too large, no JSON, no image.',
  }),
  platform: platform.nullable(),
  created: z.string().nullable().meta({ description: 'As the image says.' }),
  author: z.string().nullable(),
  labels: text,
  env: z.array(z.string()),
  entrypoint: z.array(z.string()).nullable(),
  cmd: z.array(z.string()).nullable(),
  exposedPorts: z.array(z.string()),
  volumes: z.array(z.string()),
  user: z.string().nullable(),
  workingDir: z.string().nullable(),
  stopSignal: z.string().nullable(),
  raw: z.string().nullable().meta({ description: 'As it was pushed, up to 256 KiB.' }),
})
export type ImageConfig = z.infer<typeof ImageConfig>

export const ImageLayer = z.object({
  digest: z.string().nullable().meta({ description: 'Null: a step that made no layer.' }),
  mediaType: z.string().nullable(),
  sizeBytes: z.int(),
  isHere: z.boolean().meta({ description: 'False: foreign, damaged, or not in the repository.' }),
  command: z.string().nullable().meta({ description: 'Of the history; null: it has none.' }),
  created: z.string().nullable(),
  comment: z.string().nullable(),
  otherImages: z
    .int()
    .meta({ description: 'Other manifests of the repository with this layer; 100 at most.' }),
  otherRepositories: z
    .array(z.object({ feed: z.string(), repository: z.string() }))
    .meta({ description: 'With this layer, that the caller may view; 20 are looked at.' }),
})
export type ImageLayer = z.infer<typeof ImageLayer>

export const ImageChild = z.object({
  digest: z.string(),
  mediaType: z.string(),
  platform: platform.nullable(),
  sizeBytes: bytes,
  isHere: z.boolean(),
  /** Such as `vnd.docker.reference.type: attestation-manifest`. */
  annotations: text,
})
export type ImageChild = z.infer<typeof ImageChild>

export const ReferrerKind = z
  .enum(['signature', 'sbom', 'attestation', 'other'])
  .meta({ description: 'By artifact type, or by the tag that cosign gives it.' })

export const ReferrerInfo = z.object({
  digest: z.string(),
  mediaType: z.string(),
  artifactType: z.string().nullable(),
  kind: ReferrerKind,
  sizeBytes: z.int(),
  annotations: text,
  tag: z.string().nullable().meta({ description: 'Of cosign: `sha256-….sig`.' }),
})
export type ReferrerInfo = z.infer<typeof ReferrerInfo>

export const ImageDetails = ImageFacts.extend({
  feed: z.string(),
  repository: z.string(),
  imageName: z.string().meta({ description: 'To pull, without tag and digest.' }),
  tag: z.string().nullable().meta({ description: 'By which it was asked for.' }),
  tags: z.array(z.string()).meta({ description: 'That point at it; 100 at most.' }),
  parents: z.array(z.string()).meta({ description: 'Indexes that list it; 20 at most.' }),
  subject: z.string().nullable(),
  annotations: text,
  manifest: z.string().meta({ description: 'As it was pushed.' }),
  config: ImageConfig.nullable().meta({ description: 'Null: an index, or it has none.' }),
  layers: z.array(ImageLayer),
  children: z.array(ImageChild),
  referrers: z.object({
    signature: z.int(),
    sbom: z.int(),
    attestation: z.int(),
    other: z.int(),
    isComplete: z.boolean().meta({ description: 'False: there are more than were looked at.' }),
  }),
  pulls: Pulls.omit({ last30Days: true }),
  cachedFrom: Cached.extend({ at: time }).nullable().meta({
    description:
      'Null: the image was pushed. `checked` and `failure` are of the tag that it was asked for by; by digest, of the one that was checked last.',
  }),
})
export type ImageDetails = z.infer<typeof ImageDetails>

export const UntaggedImage = ImageFacts.extend({
  subject: z.string().nullable(),
  parents: z.int().meta({ description: 'Indexes that list it; 100 at most are counted.' }),
  pulls: z.int(),
  lastPulled: time.nullable(),
  orphanedSince: time
    .nullable()
    .meta({ description: 'Clean-up takes it when the grace time is over.' }),
})
export type UntaggedImage = z.infer<typeof UntaggedImage>

export const ImageEvent = z.object({
  at: time,
  by: z.string(),
  what: z.enum(['pushed', 'tagged', 'untagged']),
  tag: z.string().nullable(),
  otherDigest: z
    .string()
    .nullable()
    .meta({ description: 'Where the tag pointed before, or points since.' }),
})
export type ImageEvent = z.infer<typeof ImageEvent>

const change = z.object({
  name: z.string(),
  left: z.string().nullable(),
  right: z.string().nullable(),
})

export const Comparison = z.object({
  left: ImageFacts,
  right: ImageFacts,
  problem: z
    .string()
    .nullable()
    .meta({ description: 'Why configuration and layers cannot be compared, if they cannot.' }),
  config: z.array(change).meta({ description: 'Entry point, user, ports, …: what differs.' }),
  labels: z.array(change),
  env: z.array(change),
  layers: z.array(
    z.object({
      digest: z.string(),
      sizeBytes: z.int(),
      command: z.string().nullable(),
      state: z.enum(['kept', 'added', 'removed']),
    }),
  ),
  keptBytes: z.int(),
  addedBytes: z.int(),
  removedBytes: z.int(),
})
export type Comparison = z.infer<typeof Comparison>

export const images = {
  get: route('GET', '/api/containers/images/get', {
    summary: 'All that is known of an image, by digest or tag',
    query: z.strictObject({
      ...inRepository,
      digest: reference,
    }),
    reply: ImageDetails,
    revalidated: true,
  }),
  untagged: route('GET', '/api/containers/images/untagged', {
    summary: 'Manifests of a repository without a tag, the newest first',
    description: 'A page may be short, even empty, while the list goes on.',
    query: z.strictObject({ ...inRepository, after: cursor, count: namedPage.count }),
    reply: z.array(UntaggedImage),
    paged: true,
    revalidated: true,
  }),
  referrers: route('GET', '/api/containers/images/referrers', {
    summary: 'What refers to an image: signatures, SBOMs, attestations',
    query: z.strictObject({
      ...inRepository,
      digest,
      artifactType: z.string().max(255).optional(),
      after: cursor,
      count: namedPage.count,
    }),
    reply: z.array(ReferrerInfo),
    paged: true,
  }),
  history: route('GET', '/api/containers/images/history', {
    summary: 'Who pushed and tagged an image, the newest first',
    query: z.strictObject({ ...inRepository, digest, after: cursor, count: namedPage.count }),
    reply: z.array(ImageEvent),
    paged: true,
  }),
  compare: route('GET', '/api/containers/images/compare', {
    summary: 'What differs between two images of a repository',
    description: 'Of an index, `platform` says which of its images is meant.',
    query: z.strictObject({
      ...inRepository,
      left: reference,
      right: reference,
      platform: platform.optional(),
    }),
    reply: Comparison,
  }),
  delete: route('POST', '/api/containers/images/delete', {
    summary: 'Delete an image by digest, with its tags',
    description:
      'Its children and referrers go with clean-up unless something else holds them. 409 names the indexes that list it; `force` deletes it all the same.',
    also: ['DELETE'],
    query: z.strictObject({ ...inRepository, digest, force: flagInAddress.optional() }),
    reply: z.object({ tags: z.array(z.string()) }),
  }),
}
