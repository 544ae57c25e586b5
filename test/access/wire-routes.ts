import { blob, type Content, index, mediaTypes } from '../support/content.ts'
import { pushBlob, pushManifest } from '../support/push.ts'
import { common, type Images, imagesOfAnother, layerOf, tagOf } from './images.ts'
import type { Principal, WireWay } from './principals.ts'
import type { Attribute } from './rules.ts'
import { beginUpload, type Stage } from './stage.ts'
import { nameOf, overwrite, type Repository } from './world.ts'

/** One request of one principal, sent one way, to one repository. */
export interface Cell {
  readonly stage: Stage
  readonly principal: Principal
  readonly way: WireWay
  /** No other principal or way has it. */
  readonly number: number
  readonly repository: Repository
  /** What the repository has, if it is there. */
  readonly images: Images
  /** Whether the rules let the request in: then it may need something to work on. */
  readonly allowed: boolean
  /** Whether the principal has one more attribute there. */
  has(attribute: Attribute): boolean
}

export interface Outcome {
  readonly status: number
  /** Of the error, where the answer has a body. */
  readonly code?: string
  /** Of the body. */
  readonly digest?: string
}

/** What docs/access.md calls a right to pull, push or delete. */
export const rights = {
  pull: ['Feeds_ViewFeed', 'Feeds_DownloadPackage'],
  push: ['Feeds_ViewFeed', 'Feeds_AddPackage'],
  delete: ['Feeds_ViewFeed', 'Feeds_DeletePackage'],
} as const satisfies Record<string, readonly Attribute[]>

export interface WireRoute {
  readonly method: string
  /** After `/v2/<registry>/<repository>/`, as docs/access.md has it. */
  readonly address: string
  /** What is special about the request. */
  readonly what: string
  readonly needs: keyof typeof rights
  /** Whether it costs so much that one repository of each registry must do. */
  readonly costly?: true
  /** What takes the place of `address`. */
  end(cell: Cell): string | Promise<string>
  readonly headers?: Readonly<Record<string, string>>
  body?(cell: Cell): Uint8Array
  /** What whoever may do it hears, by whether the repository is there. */
  there(cell: Cell): Outcome
  missing(cell: Cell): Outcome
}

const ok: Outcome = { status: 200 }
const manifestUnknown: Outcome = { status: 404, code: 'MANIFEST_UNKNOWN' }
const blobUnknown: Outcome = { status: 404, code: 'BLOB_UNKNOWN' }
const uploadUnknown: Outcome = { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' }
const nameUnknown: Outcome = { status: 404, code: 'NAME_UNKNOWN' }
const unsupported: Outcome = { status: 405, code: 'UNSUPPORTED' }
const inUse: Outcome = { status: 409, code: 'DENIED' }
const denied: Outcome = { status: 403, code: 'DENIED' }
const created: Outcome = { status: 201 }
const accepted: Outcome = { status: 202 }

type Special = Pick<WireRoute, 'end' | 'there' | 'missing'> &
  Partial<Pick<WireRoute, 'headers' | 'body' | 'costly'>>

/** `request`: method and address. */
function route(
  needs: WireRoute['needs'],
  [request, what = '']: readonly [request: string, what?: string],
  special: Special,
): WireRoute {
  const [method = '', address = ''] = request.split(' ')
  return { needs, method, address, what, ...special }
}

/** GET and HEAD of the same. HEAD has no body, so no code and nothing to compare. */
function reads(
  needs: WireRoute['needs'],
  [address, what = '']: readonly [address: string, what?: string],
  special: Special,
): readonly WireRoute[] {
  const bare = (outcome: (cell: Cell) => Outcome) => (cell: Cell) => ({
    status: outcome(cell).status,
  })
  const { there, missing } = special
  return [
    route(needs, [`GET ${address}`, what], special),
    route(needs, [`HEAD ${address}`, what], {
      ...special,
      ...{ there: bare(there), missing: bare(missing) },
    }),
  ]
}

function always(outcome: Outcome): () => Outcome {
  return () => outcome
}

const pulls: readonly WireRoute[] = [
  ...reads('pull', ['tags/list'], {
    end: () => 'tags/list',
    ...{ there: always(ok), missing: always(nameUnknown) },
  }),
  ...reads('pull', ['referrers/<digest>'], {
    end: ({ images }) => `referrers/${images.image.manifest.digest}`,
    // OCI distribution-spec, "Listing Referrers": never 404.
    ...{ there: always(ok), missing: always(ok) },
  }),
  ...reads('pull', ['manifests/<reference>', 'by tag'], {
    end: () => 'manifests/v1',
    there: ({ images }) => ({ ...ok, digest: images.image.manifest.digest }),
    missing: always(manifestUnknown),
  }),
  ...reads('pull', ['manifests/<reference>', 'by digest'], {
    end: ({ images }) => `manifests/${images.all.digest}`,
    there: ({ images }) => ({ ...ok, digest: images.all.digest }),
    missing: always(manifestUnknown),
  }),
  ...reads('pull', ['manifests/<reference>', 'that another repository has'], {
    end: ({ repository }) => `manifests/${imagesOfAnother(repository).image.manifest.digest}`,
    ...{ there: always(manifestUnknown), missing: always(manifestUnknown) },
  }),
  ...reads('pull', ['blobs/<digest>'], {
    end: ({ images }) => `blobs/${layerOf(images.image).digest}`,
    there: ({ images }) => ({ ...ok, digest: layerOf(images.image).digest }),
    missing: always(blobUnknown),
  }),
  ...reads('pull', ['blobs/<digest>', 'that another repository has'], {
    end: ({ repository }) => `blobs/${layerOf(imagesOfAnother(repository).image).digest}`,
    ...{ there: always(blobUnknown), missing: always(blobUnknown) },
  }),
  // No methods of these addresses, which only who may pull is told.
  route('pull', ['POST manifests/<reference>', 'which means nothing'], {
    end: () => 'manifests/v1',
    ...{ there: always(unsupported), missing: always(unsupported) },
  }),
  route('pull', ['GET blobs/uploads/', 'which means nothing'], {
    end: () => 'blobs/uploads/',
    ...{ there: always(unsupported), missing: always(unsupported) },
  }),
]

const blobMissing: Outcome = { status: 400, code: 'MANIFEST_BLOB_UNKNOWN' }

function puts(what: string, reference: (cell: Cell) => string, more: Partial<Special> = {}) {
  return route('push', ['PUT manifests/<reference>', what], {
    end: (cell) => `manifests/${reference(cell)}`,
    headers: { 'content-type': mediaTypes.image },
    body: ({ images }) => images.image.manifest.bytes,
    ...{ there: always(created), missing: always(blobMissing) },
    ...more,
  })
}

const pushes: readonly WireRoute[] = [
  puts('a tag to what it names already', () => 'v1'),
  puts('a new tag', ({ number }) => `new-${number}`),
  puts('a tag to something else', ({ number }) => tagOf(number), {
    body: ({ images }) => images.other.manifest.bytes,
    there: moved,
  }),
  puts('by digest', ({ images }) => images.image.manifest.digest),
  route('push', ['POST blobs/uploads/'], {
    end: () => 'blobs/uploads/',
    ...{ there: always(accepted), missing: always(accepted) },
  }),
  route('push', ['POST blobs/uploads/', 'a whole blob'], {
    end: () => `blobs/uploads/?digest=${common.digest}`,
    body: () => common.bytes,
    ...{ there: always(created), missing: always(created) },
  }),
  ...reads('push', ['blobs/uploads/<id>'], {
    end: keptUpload,
    ...{ there: always({ status: 204 }), missing: always(uploadUnknown) },
  }),
  route('push', ['PATCH blobs/uploads/<id>', 'out of order'], {
    end: keptUpload,
    headers: { 'content-range': `7-${6 + common.size}` },
    body: () => common.bytes,
    there: always({ status: 416, code: 'RANGE_INVALID' }),
    missing: always(uploadUnknown),
  }),
  route('push', ['PATCH blobs/uploads/<id>'], {
    ...{ end: ownUpload, costly: true },
    body: () => common.bytes,
    ...{ there: always(accepted), missing: always(uploadUnknown) },
  }),
  route('push', ['PUT blobs/uploads/<id>'], {
    end: async (cell) => `${await ownUpload(cell)}?digest=${lastOf(cell).digest}`,
    costly: true,
    body: (cell) => lastOf(cell).bytes,
    ...{ there: always(created), missing: always(uploadUnknown) },
  }),
  route('push', ['DELETE blobs/uploads/<id>'], {
    ...{ end: ownUpload, costly: true },
    ...{ there: always({ status: 204 }), missing: always(uploadUnknown) },
  }),
]

const deletions: readonly WireRoute[] = [
  route('delete', ['DELETE manifests/<reference>', 'that an index needs'], {
    end: ({ images }) => `manifests/${images.image.manifest.digest}`,
    ...{ there: always(inUse), missing: always(manifestUnknown) },
  }),
  route('delete', ['DELETE manifests/<reference>', 'that nobody needs'], {
    async end(cell) {
      const { stage, repository, number } = cell
      const manifest = index([], { annotations: { of: `${number}` } })
      if (isLetIn(cell)) await pushManifest(stage.table, nameOf(repository), manifest)
      return `manifests/${manifest.digest}`
    },
    costly: true,
    ...{ there: always(accepted), missing: always(manifestUnknown) },
  }),
  route('delete', ['DELETE manifests/<reference>', 'by tag'], {
    end: () => 'manifests/v1',
    // The registry's setting is off.
    ...{ there: always(unsupported), missing: always(unsupported) },
  }),
  route('delete', ['DELETE blobs/<digest>', 'that an image needs'], {
    end: ({ images }) => `blobs/${layerOf(images.image).digest}`,
    ...{ there: always(inUse), missing: always(blobUnknown) },
  }),
  route('delete', ['DELETE blobs/<digest>', 'that nobody needs'], {
    async end(cell) {
      const { stage, repository, number } = cell
      const content = blob(`access deleted ${number}`)
      if (isLetIn(cell)) await pushBlob(stage.table, nameOf(repository), content)
      return `blobs/${content.digest}`
    },
    costly: true,
    ...{ there: always(accepted), missing: always(blobUnknown) },
  }),
]

export const wireRoutes: readonly WireRoute[] = [...pulls, ...pushes, ...deletions]

/** "also what the registry's overwrite rule asks for: nothing, `Feeds_OverwritePackage`, or never" */
function moved({ repository, has }: Cell): Outcome {
  const rule = overwrite[repository.feed as keyof typeof overwrite]
  if (rule === 'allowed') return created
  return rule === 'permission' && has('Feeds_OverwritePackage') ? created : denied
}

function isLetIn({ allowed, repository }: Cell): boolean {
  return allowed && repository.kind === 'there'
}

/** What everybody tries, and nobody may end; where there is none, that of another repository. */
function keptUpload({ stage, repository }: Cell): string {
  const [any = ''] = stage.uploads.values()
  return `blobs/uploads/${stage.uploads.get(nameOf(repository)) ?? any}`
}

/** One to do with as one likes, for who is let in. */
async function ownUpload(cell: Cell): Promise<string> {
  if (!isLetIn(cell)) return keptUpload(cell)
  const { stage, repository } = cell
  return `blobs/uploads/${await beginUpload(stage.table, nameOf(repository))}`
}

/** A repository that has the blob answers as if the upload had just ended. */
function lastOf({ number }: Cell): Content {
  return blob(`access last ${number}`)
}
