import { z } from 'zod'
import { namedPage } from './page.ts'
import { bytesRoute, route } from './route.ts'
import { name, time } from './words.ts'

const digest = z.string().max(200)
const path = z
  .string()
  .max(4096)
  .meta({ description: 'From the root, parts joined by `/`: `usr/bin/env`. Empty: the root.' })

const image = {
  feed: name,
  repo: name.meta({ description: 'The repository.' }),
  digest: digest.meta({ description: 'Of the image: a manifest, no index.' }),
}

const page = {
  ...namedPage,
  after: z
    .string()
    .max(5000)
    .optional()
    .meta({ description: 'Where the page begins; the `Link` header has it.' }),
}

/** The layers are being read: ask again, soon. */
export const Indexing = z.object({
  state: z.literal('indexing'),
  doneBytes: z.int().meta({ description: 'Of the layers as they are stored.' }),
  totalBytes: z.int(),
  waiting: z.int().meta({ description: 'How many others are read first; 0: it is being read.' }),
})
export type Indexing = z.infer<typeof Indexing>

/** It cannot be read, now or ever: the message says why and what to do. */
export const Unreadable = z.object({
  state: z.literal('unreadable'),
  layer: digest.nullable().meta({ description: 'Which layer; null: it is not about one.' }),
  message: z.string(),
})
export type Unreadable = z.infer<typeof Unreadable>

export const FileType = z.enum([
  'file',
  'directory',
  'symlink',
  'character-device',
  'block-device',
  'fifo',
])
export type FileType = z.infer<typeof FileType>

export const FileChange = z.enum(['added', 'changed', 'deleted']).meta({
  description:
    'What the layer did. Null: it has the same again, or has a folder only for its content.',
})

export const FileEntry = z.object({
  path: z.string(),
  name: z.string().meta({ description: 'The last part of the path.' }),
  type: FileType,
  sizeBytes: z.int(),
  mode: z.int().meta({ description: 'Permission bits with setuid, setgid and sticky: 0 to 4095.' }),
  uid: z.int(),
  gid: z.int(),
  modified: time.nullable(),
  linkTarget: z
    .string()
    .nullable()
    .meta({ description: 'Of a symlink as written; of a hard link the path of the other one.' }),
  device: z.string().nullable().meta({ description: '`major:minor`' }),
  sparse: z
    .boolean()
    .meta({ description: 'Stored with holes: its content cannot be opened here.' }),
  sha256: z.string().nullable().meta({ description: 'Of the content of a file, hexadecimal.' }),
  layer: digest.meta({ description: 'The layer that it comes from, or that deleted it.' }),
  change: FileChange.nullable(),
  hidden: z
    .boolean()
    .meta({ description: "In one layer's view: whether the finished image shows something else." }),
})
export type FileEntry = z.infer<typeof FileEntry>

export const FileProblem = z.object({
  layer: digest,
  path: z.string().meta({ description: 'As far as it can be shown.' }),
  message: z.string(),
})

export const FileLayer = z.object({
  digest,
  sizeBytes: z.int().meta({ description: 'As it is stored.' }),
  entries: z.int(),
  added: z.int(),
  changed: z.int(),
  deleted: z.int(),
  absent: z
    .boolean()
    .meta({ description: 'It is not kept here (a foreign layer): not looked at.' }),
})

export const FileList = z.object({
  state: z.literal('ready'),
  layers: z.array(FileLayer).meta({ description: 'The lowest first.' }),
  folder: FileEntry.nullable().meta({ description: 'Null: the root, or a search.' }),
  entries: z.array(FileEntry).meta({
    description: "Of a folder by name, in the bytes' order; of a search by folder, then by name.",
  }),
  problems: z
    .array(FileProblem)
    .meta({ description: 'Entries that are not shown, and why: the first 100 of them.' }),
  problemCount: z.int(),
})
export type FileList = z.infer<typeof FileList>

export const FileContent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('text'),
    text: z.string(),
    truncated: z.boolean().meta({ description: 'There is more: the download has it.' }),
  }),
  z.object({
    kind: z.literal('image'),
    mediaType: z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']),
  }),
  z.object({ kind: z.literal('binary') }),
])
export type FileContent = z.infer<typeof FileContent>

export const FileDetails = z.object({
  state: z.literal('ready'),
  entry: FileEntry,
  content: FileContent.nullable().meta({
    description: 'Null: it is no file, has holes, or was deleted.',
  }),
})
export type FileDetails = z.infer<typeof FileDetails>

export const FileDifference = z.object({
  path: z.string(),
  change: z.enum(['added', 'removed', 'changed']),
  before: FileEntry.nullable(),
  after: FileEntry.nullable(),
  differs: z
    .array(z.enum(['type', 'size', 'content', 'mode', 'owner', 'link', 'device']))
    .meta({ description: 'Of a changed one. Times of change do not count.' }),
})
export type FileDifference = z.infer<typeof FileDifference>

export const FileComparison = z.object({
  state: z.literal('ready'),
  added: z.int(),
  removed: z.int(),
  changed: z.int(),
  differences: z.array(FileDifference).meta({ description: 'By folder, then by name.' }),
  problemCount: z.int().meta({
    description: 'Entries of both images that are not shown, so not compared: see `list`.',
  }),
})
export type FileComparison = z.infer<typeof FileComparison>

const layer = digest.optional().meta({
  description: "Only what this layer did, with its marks. Absent: the whole image's files.",
})

export const imageFiles = {
  list: route('GET', '/api/containers/images/files/list', {
    summary: "List the files of an image's folder, of one layer or of all",
    description:
      'The first request reads the layers: while that lasts the state is `indexing`, and the same request asks how far it is.',
    query: z.strictObject({
      ...image,
      layer,
      path: path.optional(),
      search: z.string().min(1).max(200).optional().meta({
        description: 'A part of a path, in any case (of ASCII letters); below `path`.',
      }),
      ...page,
    }),
    reply: z.discriminatedUnion('state', [FileList, Indexing, Unreadable]),
    paged: true,
  }),
  get: route('GET', '/api/containers/images/files/get', {
    summary: "Get a file's facts and, if it is text, the beginning of its content",
    description: 'Text is UTF-8 without control characters; up to 512 KiB of it.',
    query: z.strictObject({ ...image, layer, path }),
    reply: z.discriminatedUnion('state', [FileDetails, Indexing, Unreadable]),
  }),
  download: bytesRoute('/api/containers/images/files/download', {
    summary: 'Download a file of an image',
    description:
      'Always as an attachment, never as a page: of PNG, JPEG, GIF and WebP with their type, else as octets. 409 while the layers are being read: `get` first.',
    query: z.strictObject({ ...image, layer, path }),
  }),
  compare: route('GET', '/api/containers/images/files/compare', {
    summary: 'List the files in which two images differ',
    description:
      'From `digest` to `otherDigest`. Changed is what differs in type, size, content (SHA-256), mode, owner, link target or device number.',
    query: z.strictObject({
      ...image,
      otherFeed: name.optional().meta({ description: 'The same if absent.' }),
      otherRepo: name.optional().meta({ description: 'The same if absent.' }),
      otherDigest: digest,
      ...page,
    }),
    reply: z.discriminatedUnion('state', [FileComparison, Indexing, Unreadable]),
    paged: true,
  }),
}
