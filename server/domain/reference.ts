import { type Digest, parseDigest } from './digest.ts'
import { RegistryError } from './errors.ts'

/** The image's name inside its feed: `team/app` (OCI distribution-spec, `<name>`). */
export type RepositoryName = string & { readonly brand: 'RepositoryName' }
export type Tag = string & { readonly brand: 'Tag' }

/** A feed and a repository in it, as a `/v2/` path, a scope or `from=` names them. */
export interface RepositoryPath {
  /** Lower case. */
  readonly feedKey: string
  readonly repository: RepositoryName
}

/** What stands where a manifest is asked for: a tag or a digest. */
export type Reference =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'digest'; readonly digest: Digest }

/** Feed and repository together, as the OCI specification limits `<name>`. */
const maxNameLength = 255
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const componentPattern = new RegExp(`^${component}$`)
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`)
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** First path segments that mean something else. */
const reservedFeedKeys: readonly string[] = ['_auth', '_catalog', 'api', 'health']

/**
 * Splits `main/team/app`. Throws NAME_INVALID that says which part is wrong: feeds match without
 * regard to case, repositories are lower case.
 */
export function parseRepositoryPath(path: string): RepositoryPath {
  const slash = path.indexOf('/')
  if (slash < 0) {
    throw new RegistryError(
      'NAME_INVALID',
      `"${shown(path)}" names no repository: an image's name is <registry>/<repository>, for example ${shown(path) || 'main'}/app.`,
    )
  }
  if (path.length > maxNameLength) {
    throw new RegistryError(
      'NAME_INVALID',
      `The name is ${path.length} characters long; at most ${maxNameLength} are allowed.`,
    )
  }
  const feedKey = path.slice(0, slash).toLowerCase()
  const repository = path.slice(slash + 1)
  if (!componentPattern.test(feedKey)) {
    throw new RegistryError(
      'NAME_INVALID',
      `"${shown(path.slice(0, slash))}" is not the name of a registry: letters and digits, separated by one "." or "_", two "_", or any "-".`,
    )
  }
  return { feedKey, repository: parseRepositoryName(repository) }
}

export function parseRepositoryName(text: string): RepositoryName {
  if (!repositoryPattern.test(text)) {
    const hint = /[A-Z]/.test(text) ? ' Upper-case letters are not allowed.' : ''
    throw new RegistryError(
      'NAME_INVALID',
      `"${shown(text)}" is not a repository name: parts of lower-case letters and digits, separated by one "." or "_", two "_", or any "-", with "/" between the parts.${hint}`,
    )
  }
  return text as RepositoryName
}

export function parseTag(text: string): Tag {
  if (isTag(text)) return text
  throw new RegistryError(
    'TAG_INVALID',
    `"${shown(text)}" is not a tag: at most 128 letters, digits, "_", "." and "-", not starting with "." or "-".`,
  )
}

export function isTag(text: string): text is Tag {
  return tagPattern.test(text)
}

/** A tag or a digest; what contains a colon can only be a digest. */
export function parseReference(text: string): Reference {
  return text.includes(':')
    ? { kind: 'digest', digest: parseDigest(text) }
    : { kind: 'tag', tag: parseTag(text) }
}

/** How a reference stands in an address. */
export function formatReference(reference: Reference): string {
  return reference.kind === 'tag' ? reference.tag : reference.digest
}

/**
 * The lower-case form under which a feed of this name is found. Throws NAME_INVALID for a name
 * that is no OCI path component in lower case, is reserved, or is longer than 100 characters.
 */
export function parseFeedName(name: string): { name: string; key: string } {
  const key = name.toLowerCase()
  if (reservedFeedKeys.includes(key)) {
    throw new RegistryError('NAME_INVALID', `"${shown(name)}" is reserved: choose another name.`)
  }
  if (!componentPattern.test(key) || name.length > 100) {
    throw new RegistryError(
      'NAME_INVALID',
      `"${shown(name)}" cannot name a registry: at most 100 letters and digits, separated by one "." or "_", two "_", or any "-".`,
    )
  }
  return { name, key }
}

function shown(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
