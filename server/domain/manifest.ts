import { type Digest, isDigest } from './digest.ts'
import { RegistryError } from './errors.ts'
import {
  dockerManifest,
  isForeignLayer,
  isIndex,
  isMediaType,
  isSchema1,
  ociManifest,
} from './media-type.ts'

/** OCI distribution-spec, "Pushing Manifests": at least 4 MiB must be taken; more is refused. */
export const maxManifestBytes = 4 * 1024 * 1024

export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
}

/** What a registry has to know of a manifest. The bytes themselves are kept as they came. */
export interface Manifest {
  /** As pushed: the Content-Type header, else the field `mediaType`. */
  readonly mediaType: string
  readonly config: Descriptor | null
  /** Layers that have to be here; non-distributable ones with nowhere to go are in `optional`. */
  readonly layers: readonly Descriptor[]
  /** May be absent: layers with `urls`, and non-distributable ones. */
  readonly optional: readonly Descriptor[]
  /** An index's entries. */
  readonly children: readonly Descriptor[]
  readonly subject: Digest | null
  /** As the referrers API shows it. */
  readonly artifactType: string | null
  readonly annotations: Readonly<Record<string, string>> | null
}

type Json = Readonly<Record<string, unknown>>

/**
 * Reads a manifest of any media type with the shape that the OCI image-spec and Docker's schema 2
 * share: `config`, `layers` (`blobs` of the early artifact manifest), `manifests`, `subject`.
 * `contentType` is the request's, without parameters. Throws MANIFEST_INVALID, saying what is wrong.
 */
export function parseManifest(text: string, contentType: string | undefined): Manifest {
  const json = parseObject(text)
  const mediaType = mediaTypeOf(json, contentType)
  refuseSchema1(json, mediaType)
  if (
    (mediaType.includes('oci.image') || mediaType.includes('docker')) &&
    json.schemaVersion !== 2
  ) {
    throw invalid(`schemaVersion must be 2; it is ${show(json.schemaVersion)}.`)
  }
  const layers = [...descriptors(json, 'layers'), ...descriptors(json, 'blobs')]
  const config = isIndex(mediaType) ? null : descriptor(json.config, 'config')
  if (config === null && (mediaType === ociManifest || mediaType === dockerManifest)) {
    throw invalid('its config is missing.')
  }
  refuseAmbiguous(json, mediaType)
  const subject = descriptor(json.subject, 'subject')
  return {
    mediaType,
    config,
    layers: layers.filter((layer) => !layer.mayBeAbsent),
    optional: layers.filter((layer) => layer.mayBeAbsent),
    children: descriptors(json, 'manifests'),
    subject: subject?.digest ?? null,
    artifactType: artifactTypeOf(json, config),
    annotations: annotationsOf(json),
  }
}

function parseObject(text: string): Json {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RegistryError('MANIFEST_INVALID', 'The manifest is not valid JSON.', { cause: error })
  }
  if (!isObject(value)) throw invalid('it must be a JSON object.')
  return value
}

function mediaTypeOf(json: Json, contentType: string | undefined): string {
  const field = json.mediaType
  if (field !== undefined && (typeof field !== 'string' || !isMediaType(field))) {
    throw invalid(`its mediaType ${show(field)} is not a media type.`)
  }
  if (contentType !== undefined && field !== undefined && field !== contentType) {
    throw invalid(
      `its mediaType is ${show(field)}, but the Content-Type header says ${show(contentType)}.`,
    )
  }
  const mediaType = contentType ?? field
  if (mediaType === undefined) {
    throw invalid('neither a Content-Type header nor a mediaType field says what it is.')
  }
  // What is served under this type must never be taken for a page by a browser.
  if (!isMediaType(mediaType) || !/[/+](?:json|prettyjws)$/.test(mediaType)) {
    throw invalid(`${show(mediaType)} is not the type of a manifest: it has to end in +json.`)
  }
  return mediaType
}

/** Image-spec 1.0.2: clients disagree on what such a document is, so it could be two things at once. */
function refuseAmbiguous(json: Json, mediaType: string) {
  const isImage = mediaType === ociManifest || mediaType === dockerManifest
  if (isImage && json.manifests !== undefined) {
    throw invalid('an image has no "manifests": that is an index.')
  }
  const field = ['config', 'layers'].find((name) => json[name] !== undefined)
  if (isIndex(mediaType) && field) throw invalid(`an index has no "${field}": that is an image.`)
}

function refuseSchema1(json: Json, mediaType: string) {
  if (!isSchema1(mediaType) && !(json.schemaVersion === 1 && 'fsLayers' in json)) return
  throw new RegistryError(
    'MANIFEST_INVALID',
    'This is an image in the old format, Docker schema 1, which is not supported: push it again with Docker 1.10 or newer.',
  )
}

/** OCI distribution-spec, "Listing Referrers": artifactType, else an image's config media type. */
function artifactTypeOf(json: Json, config: Descriptor | null): string | null {
  const own = json.artifactType
  if (own !== undefined && own !== '' && (typeof own !== 'string' || !isMediaType(own))) {
    throw invalid(`its artifactType ${show(own)} is not a media type.`)
  }
  if (typeof own === 'string' && own !== '') return own
  return config?.mediaType || null
}

function annotationsOf(json: Json): Record<string, string> | null {
  const value = json.annotations
  if (value === undefined || value === null) return null
  if (!isObject(value)) throw invalid('its annotations must be an object.')
  const entries = Object.entries(value)
  const wrong = entries.find(([, text]) => typeof text !== 'string')
  if (wrong) throw invalid(`its annotation ${show(wrong[0])} must be a string.`)
  return entries.length === 0 ? null : (Object.fromEntries(entries) as Record<string, string>)
}

interface Entry extends Descriptor {
  readonly mayBeAbsent: boolean
}

function descriptors(json: Json, field: string): Entry[] {
  const list = json[field]
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) throw invalid(`its ${field} must be an array.`)
  return list.map((item, index) => {
    const entry = descriptor(item, `${field}[${index}]`)
    if (entry === null) throw invalid(`${field}[${index}] is missing.`)
    return entry
  })
}

function descriptor(value: unknown, where: string): Entry | null {
  if (value === undefined || value === null) return null
  if (!isObject(value)) throw invalid(`${where} must be an object.`)
  const { digest, mediaType, size } = value
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw new RegistryError(
      'MANIFEST_INVALID',
      `The manifest is invalid: ${where} has the digest ${show(digest)}, which is no sha256 or sha512 digest.`,
    )
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`${where} must have a size in bytes; it is ${show(size)}.`)
  }
  if (typeof mediaType !== 'string') throw invalid(`${where} must have a mediaType.`)
  const mayBeAbsent =
    isForeignLayer(mediaType) || (Array.isArray(value.urls) && value.urls.length > 0)
  return { digest, mediaType, size, mayBeAbsent }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(reason: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `The manifest is invalid: ${reason}`)
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 200)
}
