import { algorithmOf, type Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { type Manifest, parseManifest } from '../../domain/manifest.ts'
import { ociIndex, ociManifest } from '../../domain/media-type.ts'
import { decodeManifest } from '../manifests.ts'
import { digestOfBytes } from '../running-hash.ts'
import type { SourceManifest } from './source.ts'

export interface FoundManifest {
  readonly content: Uint8Array
  /** Undefined: whoever keeps it does not say. */
  readonly mediaType: string | undefined
  /** What it must hash to; undefined: whatever it hashes to is its digest. */
  readonly digest: Digest | undefined
}

/** Throws DIGEST_INVALID for other bytes, MANIFEST_INVALID for what no registry here would take. */
export function readManifest({ content, mediaType, digest }: FoundManifest): SourceManifest {
  const algorithm = digest === undefined ? 'sha256' : algorithmOf(digest)
  const found = digestOfBytes(algorithm, content)
  if (digest !== undefined && found !== digest) {
    throw new RegistryError('DIGEST_INVALID', `The manifest is damaged: it hashes to ${found}.`)
  }
  return { digest: found, content, manifest: parseSourceManifest(content, mediaType) }
}

/** Image-spec 1.0 lets a manifest leave its type out: then its shape says what it is. */
export function parseSourceManifest(content: Uint8Array, mediaType: string | undefined): Manifest {
  const text = decodeManifest(content)
  return parseManifest(text, mediaType ?? shapeOf(text))
}

function shapeOf(text: string): string | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof json !== 'object' || json === null || 'mediaType' in json) return undefined
  // Refused by its name, with what to do.
  if ('fsLayers' in json) return 'application/vnd.docker.distribution.manifest.v1+prettyjws'
  if ('manifests' in json) return ociIndex
  return 'config' in json || 'layers' in json ? ociManifest : undefined
}
