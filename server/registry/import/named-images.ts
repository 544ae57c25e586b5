import type { Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'

/** What a file lists: images by repository, with their tags. */
export class NamedImages {
  readonly #repositories = new Map<
    string,
    { readonly tags: Map<string, Digest>; readonly untagged: Set<Digest> }
  >()

  /** False: the tag is another image's already. */
  add(repository: string, tag: string | null, digest: Digest): boolean {
    const images = this.#repositories.get(repository) ?? { tags: new Map(), untagged: new Set() }
    this.#repositories.set(repository, images)
    if (tag === null) {
      images.untagged.add(digest)
      return true
    }
    const known = images.tags.get(tag)
    if (known === undefined) images.tags.set(tag, digest)
    return known === undefined || known === digest
  }

  repositories(): readonly string[] {
    return [...this.#repositories.keys()]
  }

  tags(repository: string): readonly string[] {
    return [...(this.#repositories.get(repository)?.tags.keys() ?? [])]
  }

  untagged(repository: string): readonly Digest[] {
    return [...(this.#repositories.get(repository)?.untagged ?? [])]
  }

  /** Throws MANIFEST_UNKNOWN. */
  getTag(repository: string, tag: string): Digest {
    const found = this.#repositories.get(repository)?.tags.get(tag)
    if (found !== undefined) return found
    throw new RegistryError('MANIFEST_UNKNOWN', `There is no ${repository}:${tag}.`)
  }
}
