/** What retention has to know of one image, or index, of a repository. Times are milliseconds. */
export interface RetentionImage {
  readonly digest: string
  readonly tags: readonly RetentionTag[]
  readonly pushedAt: number
  /** Of its own blobs and those of its children; 0 where no rule asks. */
  readonly sizeBytes: number
  /** Whether it came through a connector. */
  readonly cached: boolean
  readonly pulls: number
  readonly lastPulledAt: number | null
  /** Somebody was told lately that it is there, and relies on it. */
  readonly promised: boolean
  /** Nobody holds it any more: garbage collection's affair. */
  readonly orphaned: boolean
  readonly children: readonly string[]
  readonly subject: string | null
}

export interface RetentionTag {
  readonly name: string
  /** When it came to point at this image. */
  readonly pushedAt: number
}

export interface RetentionRepository {
  readonly name: string
  readonly images: readonly RetentionImage[]
}

/** An image with what holds it, as rules one after the other leave it. */
export interface Node {
  readonly image: RetentionImage
  /** Those it still has. */
  readonly tags: Set<string>
  /** Indexes that list it and stay. */
  readonly parents: Set<Node>
  readonly children: Node[]
  readonly referrers: Node[]
  /** Tags like `sha256-….sig` that speak of this image, and their images. */
  readonly signatures: { readonly tag: string; readonly node: Node }[]
  gone: boolean
}

/** What goes because something else does. */
export interface Follower {
  readonly node: Node
  /** Null: the image itself. */
  readonly tag: string | null
  readonly follows: string
}

/** A repository's images and what holds what: indexes, subjects, signatures. */
export class ImageGraph {
  readonly nodes: readonly Node[]
  readonly #byDigest: ReadonlyMap<string, Node>

  constructor(repository: RetentionRepository) {
    this.nodes = repository.images.map((image) => ({
      image,
      tags: new Set(image.tags.map(({ name }) => name)),
      ...{ parents: new Set<Node>(), children: [], referrers: [], signatures: [], gone: false },
    }))
    this.#byDigest = new Map(this.nodes.map((node) => [node.image.digest, node]))
    for (const node of this.nodes) this.#connect(node)
  }

  #connect(node: Node): void {
    for (const digest of node.image.children) {
      const child = this.#byDigest.get(digest)
      if (!child || child === node) continue
      node.children.push(child)
      child.parents.add(node)
    }
    const subject = this.#subjectOf(node)
    if (subject) subject.referrers.push(node)
    for (const { name } of node.image.tags) {
      const signed = this.signedBy(node, name)
      if (signed) signed.signatures.push({ tag: name, node })
    }
  }

  #subjectOf({ image }: Node): Node | undefined {
    if (image.subject === null || image.subject === image.digest) return undefined
    return this.#byDigest.get(image.subject)
  }

  /** The image of this repository that a tag like `sha256-….sig` speaks of. */
  signedBy(node: Node, tag: string): Node | undefined {
    const digest = signedDigest(tag)
    const signed = digest === undefined ? undefined : this.#byDigest.get(digest)
    return signed === node ? undefined : signed
  }

  /** Whether nothing else holds it: a tag, an index, the image that it is about. */
  isFree(node: Node): boolean {
    return node.tags.size === 0 && this.isFreeButForTags(node)
  }

  isFreeButForTags(node: Node): boolean {
    if (node.gone || node.parents.size > 0) return false
    const subject = this.#subjectOf(node)
    return subject === undefined || subject.gone
  }

  /** Takes an image away, and tells what goes with it. `keepsTag`: signatures that stay. */
  remove(node: Node, keepsTag: (tag: string) => boolean): Follower[] {
    const followers: Follower[] = []
    const leaving = [node]
    node.gone = true
    for (let next = leaving.pop(); next; next = leaving.pop()) {
      const follows = next.image.digest
      for (const { tag, node: signature } of next.signatures) {
        if (keepsTag(tag) || !signature.tags.delete(tag)) continue
        followers.push({ node: signature, tag, follows })
      }
      for (const child of next.children) child.parents.delete(next)
      for (const other of dependantsOf(next)) {
        if (!this.isFree(other)) continue
        other.gone = true
        followers.push({ node: other, tag: null, follows })
        leaving.push(other)
      }
    }
    return followers
  }
}

function dependantsOf(node: Node): Node[] {
  return [...node.children, ...node.referrers, ...node.signatures.map((each) => each.node)]
}

/** What cosign puts behind the digest; nothing: the referrers tag schema of OCI. */
const signatureSuffixes = ['', '.sig', '.att', '.sbom'] as const

/** Names of the tags that speak of an image; none of a digest that no such tag can speak of. */
export function signaturesOf(digest: string): string[] {
  if (!digest.startsWith('sha256:')) return []
  return signatureSuffixes.map((suffix) => digest.replace(':', '-') + suffix)
}

/** The digest in a tag of cosign's or of the referrers tag schema; undefined for other tags. */
export function signedDigest(tag: string): string | undefined {
  const hex = /^sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?$/.exec(tag)?.[1]
  return hex && `sha256:${hex}`
}
