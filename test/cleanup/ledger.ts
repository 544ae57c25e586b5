/**
 * `kept`: nobody may take it. `orphan`: clean-up may have taken it by now, and will have in the end.
 * `unsure`: as the last one, unless it was held when what it belonged to went; the server says.
 * `gone`: deleted by its client, or seen to be gone.
 */
export type ManifestState = 'kept' | 'unsure' | 'orphan' | 'gone'

/** A manifest as its client knows it. */
export interface KnownManifest {
  readonly digest: string
  readonly mediaType: string
  readonly content: Buffer
  readonly blobs: readonly string[]
  readonly children: readonly string[]
  readonly subject: string | null
  readonly tags: Set<string>
  state: ManifestState
  /** How often it stopped being kept: it may have been taken in between, and pushed again. */
  losses: number
}

/** What one client has pushed to one repository, by digest: nobody else touches it. */
export class Ledger {
  readonly manifests = new Map<string, KnownManifest>()

  of(state: ManifestState): KnownManifest[] {
    return [...this.manifests.values()].filter((each) => each.state === state)
  }

  get(digest: string): KnownManifest {
    const found = this.manifests.get(digest)
    if (!found) throw new Error(`nobody pushed ${digest}`)
    return found
  }

  /** Accepted: it is kept, and all that it lists. Returns these; what signs them may be, too. */
  accept(manifest: KnownManifest): KnownManifest[] {
    this.manifests.set(manifest.digest, manifest)
    return this.#hold(manifest)
  }

  #hold(manifest: KnownManifest): KnownManifest[] {
    const isSafe = this.#isHeld(manifest) || !this.#isPending(manifest)
    if (isSafe) manifest.state = 'kept'
    else lose(manifest, 'unsure')
    return [manifest, ...manifest.children.flatMap((child) => this.#hold(this.get(child)))]
  }

  /** Those that refer to it and of which only the server knows whether they are there. */
  waitingReferrers(digest: string): KnownManifest[] {
    return [...this.of('orphan'), ...this.of('unsure')].filter((each) => each.subject === digest)
  }

  /** Indexes that list it, also those that may have gone. */
  parents(digest: string): KnownManifest[] {
    return [...this.manifests.values()].filter(
      (each) => each.state !== 'gone' && each.children.includes(digest),
    )
  }

  /** What only the tag held may go with what it belongs to. */
  untag(tag: string): void {
    for (const manifest of this.manifests.values()) {
      if (!manifest.tags.delete(tag) || manifest.state !== 'kept') continue
      if (this.#isHeld(manifest) || !this.#isPending(manifest)) continue
      lose(manifest, 'unsure')
      this.#release(manifest)
    }
  }

  /** Perhaps it was pushed again: then it is kept, and what it holds. */
  doubt(manifest: KnownManifest): void {
    lose(manifest, 'unsure')
    for (const each of this.of('orphan')) {
      const depends = manifest.children.includes(each.digest) || each.subject === manifest.digest
      if (depends) this.doubt(each)
    }
  }

  delete(manifest: KnownManifest): void {
    lose(manifest, 'gone')
    manifest.tags.clear()
    this.#release(manifest)
  }

  #subjectOf(manifest: KnownManifest): KnownManifest | undefined {
    return manifest.subject === null ? undefined : this.manifests.get(manifest.subject)
  }

  #isHeld(manifest: KnownManifest): boolean {
    return (
      manifest.tags.size > 0 ||
      this.parents(manifest.digest).some(({ state }) => state === 'kept') ||
      this.#subjectOf(manifest)?.state === 'kept'
    )
  }

  /** Something that it belongs to may go at any moment. */
  #isPending(manifest: KnownManifest): boolean {
    const states = [...this.parents(manifest.digest), this.#subjectOf(manifest)]
    return states.some((each) => each?.state === 'orphan' || each?.state === 'unsure')
  }

  #release(manifest: KnownManifest): void {
    for (const each of [...this.of('kept'), ...this.of('unsure')]) {
      const depends = manifest.children.includes(each.digest) || each.subject === manifest.digest
      if (!depends || this.#isHeld(each)) continue
      const others = [...this.parents(each.digest), this.#subjectOf(each)]
      const state = others.some((other) => other?.state === 'unsure') ? 'unsure' : 'orphan'
      if (state === each.state) continue
      lose(each, state)
      this.#release(each)
    }
  }
}

function lose(manifest: KnownManifest, state: Exclude<ManifestState, 'kept'>): void {
  manifest.state = state
  manifest.losses += 1
}
