import { createHash } from 'node:crypto'

export type Algorithm = 'sha256' | 'sha512'

/** Bytes and what names them. */
export interface Content {
  readonly bytes: Buffer
  readonly digest: string
  readonly size: number
}

export interface ManifestContent extends Content {
  /** What it is pushed as. */
  readonly mediaType: string
}

/** OCI image-spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly [property: string]: unknown
}

/** A manifest and the blobs that it needs. */
export interface Image {
  readonly manifest: ManifestContent
  readonly config: Content
  readonly layers: readonly Content[]
  readonly blobs: readonly Content[]
}

export const mediaTypes = {
  image: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  gzipLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstdLayer: 'application/vnd.oci.image.layer.v1.tar+zstd',
  foreignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  foreignGzipLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  empty: 'application/vnd.oci.empty.v1+json',
  octets: 'application/octet-stream',
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  schema1: 'application/vnd.docker.distribution.manifest.v1+json',
  schema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  buildkitConfig: 'application/vnd.buildkit.cacheconfig.v0',
} as const

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

export function contentOf(bytes: Uint8Array | string, algorithm: Algorithm = 'sha256'): Content {
  const buffer = Buffer.from(bytes)
  return { bytes: buffer, digest: digestOf(buffer, algorithm), size: buffer.byteLength }
}

/** The same bytes for the same seed, on every machine: a failure can be run again. */
export function seededBytes(seed: string, sizeBytes: number): Buffer {
  if (sizeBytes === 0) return Buffer.alloc(0)
  return createHash('shake256', { outputLength: sizeBytes }).update(seed).digest()
}

export function blob(seed: string, sizeBytes = 512, algorithm: Algorithm = 'sha256'): Content {
  return contentOf(seededBytes(seed, sizeBytes), algorithm)
}

/** A digest of content that nobody has. */
export function absentDigest(seed: string, algorithm: Algorithm = 'sha256'): string {
  return digestOf(seededBytes(`absent ${seed}`, 32), algorithm)
}

export function descriptor(
  content: Content | ManifestContent,
  mediaType: string = mediaTypes.octets,
  more: Readonly<Record<string, unknown>> = {},
): Descriptor {
  const type = 'mediaType' in content ? content.mediaType : mediaType
  return { mediaType: type, digest: content.digest, size: content.size, ...more }
}

/** Any JSON as a manifest; `mediaType` is what it is pushed as, whatever the JSON says. */
export function manifestOf(
  value: unknown,
  mediaType: string = mediaTypes.image,
  algorithm: Algorithm = 'sha256',
): ManifestContent {
  return { ...contentOf(JSON.stringify(value), algorithm), mediaType }
}

export interface ImageOptions {
  readonly layerCount?: number
  readonly algorithm?: Algorithm
  readonly mediaType?: string
  readonly configType?: string
  readonly layerType?: string
  readonly configBytes?: string
  /** Merged into the manifest; `undefined` leaves a field out. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** An image manifest with its config and layers, all from the seed. */
export function image(seed: string, options: ImageOptions = {}): Image {
  const algorithm = options.algorithm ?? 'sha256'
  const mediaType = options.mediaType ?? mediaTypes.image
  const configText =
    options.configBytes ??
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers' }, seed })
  const config = contentOf(configText, algorithm)
  const layers = Array.from({ length: options.layerCount ?? 2 }, (_, i) =>
    blob(`${seed} layer ${i}`, 300 + i, algorithm),
  )
  const value = {
    schemaVersion: 2,
    mediaType,
    config: descriptor(config, options.configType ?? mediaTypes.config),
    layers: layers.map((layer) => descriptor(layer, options.layerType ?? mediaTypes.gzipLayer)),
    ...options.fields,
  }
  const manifest = manifestOf(value, mediaType, algorithm)
  return { manifest, config, layers, blobs: [config, ...layers] }
}

/** A Docker schema 2 image. */
export function dockerImage(seed: string): Image {
  return image(seed, {
    mediaType: mediaTypes.dockerImage,
    configType: mediaTypes.dockerConfig,
    layerType: mediaTypes.dockerLayer,
  })
}

/** An OCI artifact: empty config, one blob, an artifact type. */
export function artifact(
  seed: string,
  artifactType: string,
  fields: Readonly<Record<string, unknown>> = {},
): Image {
  return image(seed, {
    layerCount: 1,
    configBytes: '{}',
    configType: mediaTypes.empty,
    layerType: mediaTypes.octets,
    fields: { artifactType, ...fields },
  })
}

/** An index over manifests (or, as BuildKit does, over blobs). */
export function index(
  entries: readonly Descriptor[],
  fields: Readonly<Record<string, unknown>> = {},
  algorithm: Algorithm = 'sha256',
): ManifestContent {
  const value = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries, ...fields }
  return manifestOf(value, mediaTypes.index, algorithm)
}

export function platform(architecture: string): { readonly platform: Record<string, string> } {
  return { platform: { os: 'linux', architecture } }
}
