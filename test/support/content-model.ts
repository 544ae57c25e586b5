import type { ErrorCode } from '../../server/domain/errors.ts'

/** What a manifest says; its name stands for its digest, so that it always says the same. */
export interface ModelManifest {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  readonly children: readonly string[]
  readonly subject: string | null
}

interface Stored {
  readonly says: ModelManifest
  readonly blobs: Set<string>
  readonly children: Set<string>
  wanted: Set<string>
  orphan: boolean
}

interface Repository {
  readonly sparse: boolean
  readonly tagsMove: boolean
  readonly links: Set<string>
  readonly manifests: Map<string, Stored>
  readonly tags: Map<string, string>
}

interface Blob {
  location: string
  live: boolean
}

export type Outcome = string | boolean | undefined

/** What repositories of one store hold, in memory, by the rules that the database must follow. */
export class ContentModel {
  readonly repositories = new Map<string, Repository>()
  readonly blobs = new Map<string, Blob>()
  readonly freed = new Set<string>()

  add(name: string, rules: { readonly sparse: boolean; readonly tagsMove: boolean }) {
    const content = { links: new Set<string>(), manifests: new Map(), tags: new Map() }
    this.repositories.set(name, { ...rules, ...content })
  }

  repository(name: string): Repository {
    const found = this.repositories.get(name)
    if (!found) throw new Error(`there is no repository ${name}`)
    return found
  }

  commit(name: string, blob: string, location: string): Outcome {
    const known = this.blobs.get(blob)
    if (known) this.freed.add(known.location)
    this.blobs.set(blob, { location, live: true })
    this.#link(this.repository(name), blob)
    return 'committed'
  }

  mount(name: string, from: string, blob: string): Outcome {
    if (!this.repository(from).links.has(blob)) return false
    if (!this.blobs.get(blob)?.live) return refusal('BLOB_UNKNOWN')
    this.#link(this.repository(name), blob)
    return true
  }

  promise(name: string, blob: string): Outcome {
    return this.repository(name).links.has(blob) && this.blobs.get(blob)?.live === true
  }

  damage(blob: string): Outcome {
    const known = this.blobs.get(blob)
    if (!known?.live) return false
    known.live = false
    return true
  }

  put(name: string, manifest: string, says: ModelManifest, tags: readonly string[]): Outcome {
    const repository = this.repository(name)
    const isLive = (blob: string) => this.promise(name, blob) === true
    const isLinked = (blob: string) => repository.links.has(blob)
    const blobs = says.children.filter((child) => !repository.manifests.has(child))
    const all = [...says.required, ...says.optional, ...blobs]
    const lacks = [...says.required, ...blobs].some((blob) => !isLive(blob))
    if (lacks && !repository.sparse) return refusal('MANIFEST_BLOB_UNKNOWN')
    if (tags.some((tag) => !mayPoint(repository, tag, manifest))) return refusal('DENIED')
    const stored = repository.manifests.get(manifest) ?? newManifest(says)
    repository.manifests.set(manifest, stored)
    for (const blob of all.filter(isLinked)) stored.blobs.add(blob)
    const children = says.children.filter((child) => repository.manifests.has(child))
    for (const child of children) stored.children.add(child)
    stored.wanted = new Set(all.filter((blob) => !isLinked(blob)))
    arrive(repository, manifest)
    for (const adopted of [manifest, ...stored.children]) unorphan(repository, adopted)
    for (const tag of tags) repository.tags.set(tag, manifest)
    return undefined
  }

  deleteManifest(name: string, manifest: string): Outcome {
    const { manifests, tags } = this.repository(name)
    const stored = manifests.get(manifest)
    if (!stored) return undefined
    const hasParent = (child: string) =>
      [...manifests.values()].some((parent) => parent.children.has(child))
    if (hasParent(manifest)) return refusal('IN_USE')
    manifests.delete(manifest)
    const own = [...tags].filter(([, target]) => target === manifest).map(([tag]) => tag)
    for (const tag of own) tags.delete(tag)
    for (const [other, each] of manifests) {
      const depends = stored.children.has(other) || each.says.subject === manifest
      if (!depends || hasParent(other) || [...tags.values()].includes(other)) continue
      // It still signs what is there.
      if (each.says.subject !== null && manifests.has(each.says.subject)) continue
      each.orphan = true
    }
    return own.sort().join()
  }

  deleteLink(name: string, blob: string): Outcome {
    const { links, manifests } = this.repository(name)
    if (!links.has(blob)) return false
    if ([...manifests.values()].some((each) => each.blobs.has(blob))) return refusal('IN_USE')
    return links.delete(blob)
  }

  createTag(name: string, tag: string, manifest: string): Outcome {
    const repository = this.repository(name)
    if (!repository.manifests.has(manifest)) return undefined
    if (!mayPoint(repository, tag, manifest)) return refusal('DENIED')
    unorphan(repository, manifest)
    const before = repository.tags.get(tag)
    repository.tags.set(tag, manifest)
    if (before === manifest) return 'exists'
    return before === undefined ? 'created' : 'updated'
  }

  deleteTag(name: string, tag: string): Outcome {
    return this.repository(name).tags.delete(tag)
  }

  #link(repository: Repository, blob: string) {
    repository.links.add(blob)
    for (const [, stored] of repository.manifests) {
      if (stored.wanted.delete(blob)) stored.blobs.add(blob)
    }
  }
}

/** How a refused operation ends in a comparison. */
export function refusal(code: ErrorCode): string {
  return `refused: ${code}`
}

function newManifest(says: ModelManifest): Stored {
  return { says, blobs: new Set(), children: new Set(), wanted: new Set(), orphan: false }
}

function mayPoint(repository: Repository, tag: string, manifest: string): boolean {
  const target = repository.tags.get(tag)
  return repository.tagsMove || target === undefined || target === manifest
}

/** Who waited for this manifest has it; those that refer to it are no orphans. */
function arrive(repository: Repository, manifest: string) {
  for (const other of repository.manifests.values()) {
    const hasAsBlob = other.says.children.includes(manifest) && other.blobs.has(manifest)
    if (other.wanted.delete(manifest) || hasAsBlob) other.children.add(manifest)
    if (other.says.subject === manifest) other.orphan = false
  }
}

function unorphan(repository: Repository, manifest: string) {
  const stored = repository.manifests.get(manifest)
  if (stored) stored.orphan = false
}
