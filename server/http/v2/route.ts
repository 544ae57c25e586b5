import { RegistryError } from '../../domain/errors.ts'

/** What an address on `/v2/` names; the texts are not checked yet. */
export type Route =
  | { readonly kind: 'ping' }
  | { readonly kind: 'token' }
  | { readonly kind: 'catalog' }
  | RepositoryRoute

export interface RepositoryRoute {
  readonly kind: 'tags' | 'manifest' | 'blob' | 'uploads' | 'upload' | 'referrers'
  /** `<feed>/<repository>` */
  readonly name: string
  /** The reference, digest or id at the end; '' where there is none. */
  readonly item: string
}

/**
 * Reads a path from its right end: repository names contain slashes, and may contain `blobs`,
 * `tags` and the like. Undefined for an address that means nothing; REQUEST_INVALID for a bad
 * percent-encoding.
 */
export function parseRoute(path: string): Route | undefined {
  const segments = path.split('/').slice(2).map(decode)
  if (segments.length === 0 || (segments.length === 1 && segments[0] === ''))
    return { kind: 'ping' }
  if (segments.length === 1 && segments[0] === '_auth') return { kind: 'token' }
  if (segments.length === 1 && segments[0] === '_catalog') return { kind: 'catalog' }
  if (segments.at(-1) === '') segments.pop()
  return parseRepositoryRoute(segments, path.endsWith('/'))
}

function parseRepositoryRoute(
  segments: readonly string[],
  trailingSlash: boolean,
): RepositoryRoute | undefined {
  const [third = '', second = '', last = ''] = segments.slice(-3)
  const name = segments.slice(0, -2).join('/')
  const isUploads = second === 'blobs' && last === 'uploads'
  if (segments.length < 3 && !isUploads) return parseNameless(segments)
  if (isUploads) return { kind: 'uploads', name, item: '' }
  if (trailingSlash) return undefined
  if (third === 'blobs' && second === 'uploads') {
    return { kind: 'upload', name: segments.slice(0, -3).join('/'), item: last }
  }
  if (second === 'tags' && last === 'list') return { kind: 'tags', name, item: '' }
  if (second === 'manifests') return { kind: 'manifest', name, item: last }
  if (second === 'blobs') return { kind: 'blob', name, item: last }
  if (second === 'referrers') return { kind: 'referrers', name, item: last }
  return undefined
}

/** `/v2/manifests/latest` and the like: a route whose name is missing, which the name's parser says. */
function parseNameless(segments: readonly string[]): RepositoryRoute | undefined {
  const [kind, last = ''] = segments
  if (segments.length !== 2) return undefined
  if (kind === 'manifests') return { kind: 'manifest', name: '', item: last }
  if (kind === 'tags' && last === 'list') return { kind: 'tags', name: '', item: '' }
  return undefined
}

function decode(segment: string): string {
  if (!segment.includes('%')) return segment
  // A proxy that guards paths sees another path than what an encoded slash would make of it.
  if (/%2f/i.test(segment)) {
    throw new RegistryError('NAME_INVALID', 'A slash in a name must not be percent-encoded.')
  }
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `"${segment.slice(0, 100)}" is not a valid percent-encoding.`,
      { cause: error },
    )
  }
}
