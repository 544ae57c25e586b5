/** The media types that mean something to a registry; all others are kept as they come. */
export const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
export const ociIndex = 'application/vnd.oci.image.index.v1+json'
export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json'
export const dockerManifestList = 'application/vnd.docker.distribution.manifest.list.v2+json'

const schema1: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]

/** RFC 6838 type and subtype, as OCI descriptors demand. */
const grammar = /^[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}$/

export function isMediaType(text: string): boolean {
  return grammar.test(text)
}

export function isSchema1(mediaType: string): boolean {
  return schema1.includes(mediaType)
}

export function isIndex(mediaType: string): boolean {
  return mediaType === ociIndex || mediaType === dockerManifestList
}

/** The configuration of an image that a container can be started from. */
export function isImageConfig(mediaType: string): boolean {
  return (
    mediaType === 'application/vnd.oci.image.config.v1+json' ||
    mediaType === 'application/vnd.docker.container.image.v1+json'
  )
}

/** Layers that are not meant to be pushed: they may be absent (image-spec, "Non-Distributable"). */
export function isForeignLayer(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
    mediaType === 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' ||
    mediaType === 'application/vnd.docker.image.rootfs.foreign.diff.tar'
  )
}

/** `type/subtype` of a Content-Type header without its parameters, or undefined when there is none. */
export function withoutParameters(contentType: string | undefined): string | undefined {
  const bare = contentType?.split(';', 1)[0]?.trim()
  return bare === '' ? undefined : bare
}
