import { RegistryError } from '../../domain/errors.ts'
import { matchesPattern, parseRepositoryPattern } from '../../domain/repository-pattern.ts'
import { faultOfTagPattern, matchesTag } from '../../domain/tag-pattern.ts'

export interface SelectionOrder {
  /** Named one by one; empty: all that the source lists. */
  readonly repositories: readonly string[]
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly tags: readonly string[]
  readonly excludeTags: readonly string[]
}

/** Which repositories and tags of a source are wanted. */
export interface Selection {
  readonly repositories: readonly string[]
  /** Whether images without a tag are wanted too: whoever picks tags wants those. */
  readonly wantsUntagged: boolean
  wantsRepository(name: string): boolean
  wantsTag(tag: string): boolean
}

/** Throws REQUEST_INVALID for what is no pattern. */
export function readSelection(order: SelectionOrder): Selection {
  const { repositories, include, exclude, tags, excludeTags } = order
  for (const pattern of [...include, ...exclude]) parseRepositoryPattern(pattern)
  for (const pattern of [...tags, ...excludeTags]) requireTagPattern(pattern)
  const any = (patterns: readonly string[], fits: (pattern: string) => boolean) =>
    patterns.some(fits)
  return {
    repositories,
    wantsUntagged: tags.length === 0 && excludeTags.length === 0,
    wantsRepository: (name) =>
      (include.length === 0 || any(include, (pattern) => matchesPattern(pattern, name))) &&
      !any(exclude, (pattern) => matchesPattern(pattern, name)),
    wantsTag: (tag) =>
      (tags.length === 0 || any(tags, (pattern) => matchesTag(pattern, tag))) &&
      !any(excludeTags, (pattern) => matchesTag(pattern, tag)),
  }
}

function requireTagPattern(pattern: string): void {
  const fault = faultOfTagPattern(pattern)
  if (fault === undefined) return
  throw new RegistryError('REQUEST_INVALID', `"${pattern}" is no pattern of tags: ${fault}`)
}
