/** What an address below `/containers/` names: a registry, a repository in it, an image of that. */
export interface Reference {
  readonly feed: string
  readonly repository: string | null
  readonly tag: string | null
  readonly digest: string | null
}

/**
 * Reads an image reference from its right end, as clients do: `main/team/app:1.4@sha256:…`.
 * Undefined for what cannot be one, such as a tag of a registry.
 */
export function parseReference(text: string): Reference | undefined {
  const [beforeDigest = '', digest = null] = splitAt(text, text.indexOf('@'))
  const colon = beforeDigest.lastIndexOf(':')
  const hasTag = colon > beforeDigest.lastIndexOf('/')
  const [path = '', tag = null] = splitAt(beforeDigest, hasTag ? colon : -1)
  const [feed = '', ...rest] = path.replace(/\/$/, '').split('/')
  const repository = rest.length === 0 ? null : rest.join('/')
  if (feed === '' || rest.includes('') || tag === '' || digest === '') return undefined
  if (repository === null && (tag !== null || digest !== null)) return undefined
  return { feed, repository, tag, digest }
}

function splitAt(text: string, at: number): readonly string[] {
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** `main/team/app:1.4`, as it stands behind the server's name. */
export function formatReference({ feed, repository, tag, digest }: Partial<Reference>): string {
  return [
    feed ?? '',
    repository ? `/${repository}` : '',
    tag ? `:${tag}` : '',
    digest ? `@${digest}` : '',
  ].join('')
}

/** Its page. */
export function addressOf(reference: Partial<Reference>): string {
  const path = formatReference(reference).split('/').map(encodeURIComponent).join('/')
  return `/containers/${path.replaceAll('%3A', ':').replaceAll('%40', '@')}`
}

/** `sha256:` and 12 hexadecimal digits: enough for people to tell them apart. */
export function shortDigest(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':', 2)
  return `${algorithm}:${hex.slice(0, 12)}`
}
