import path from 'node:path'
import { algorithmOf, type Digest, isAlgorithm, isDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { maxManifestBytes } from '../../domain/manifest.ts'
import type { Reference } from '../../domain/reference.ts'
import { readSmallFile } from './file-tree.ts'
import type { FolderTree } from './folder-tree.ts'
import type { ImportReport } from './import-report.ts'
import { readManifest } from './read-manifest.ts'
import type { Leftover, Source, SourceBlob, SourceManifest } from './source.ts'

const maxLinkBytes = 200
const ownFolders = ['_manifests', '_layers', '_uploads']

/**
 * What Distribution (`docker-registry`, `registry:2`, `registry:3`) keeps on a disk:
 *
 *     blobs/<algorithm>/<first two digits>/<digits>/data
 *     repositories/<name>/_manifests/revisions/<algorithm>/<digits>/link
 *     repositories/<name>/_manifests/tags/<tag>/current/link
 *     repositories/<name>/_uploads/<id>/…
 *
 * A link is a file that holds a digest. Blobs are found by their digest alone: `_layers` says who may
 * pull them, which is not asked here.
 */
export class DistributionFolder implements Source {
  readonly title: string
  readonly #tree: FolderTree
  readonly #root: string
  readonly #report: ImportReport

  /** `root`: where in the tree `blobs` and `repositories` are. */
  constructor(tree: FolderTree, root: string, report: ImportReport) {
    this.title = tree.title
    this.#tree = tree
    this.#root = root
    this.#report = report
  }

  async *repositories(): AsyncGenerator<string> {
    const waiting = ['']
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const found = await this.#look(name).catch((error: unknown) => {
        this.#report.skipFor(error, { what: 'repository', name })
        return { isRepository: false, below: [] }
      })
      waiting.push(...found.below)
      if (found.isRepository) yield name
    }
  }

  async #look(name: string) {
    let isRepository = false
    const folders: string[] = []
    for await (const entry of this.#tree.list(this.#at('repositories', name))) {
      const below = name === '' ? entry.name : `${name}/${entry.name}`
      if (ownFolders.includes(entry.name)) isRepository ||= name !== ''
      else if (entry.kind === 'folder') folders.push(below)
      else this.#skipStranger(below, entry.kind)
    }
    return { isRepository, below: folders }
  }

  async *tags(repository: string): AsyncGenerator<string> {
    for await (const { name, kind } of this.#tree.list(this.#of(repository, '_manifests/tags'))) {
      if (kind === 'folder') yield name
      else this.#skipStranger(`${repository}/_manifests/tags/${name}`, kind)
    }
  }

  async *manifests(repository: string): AsyncGenerator<Digest> {
    const revisions = this.#of(repository, '_manifests/revisions')
    for await (const { name: algorithm } of this.#tree.list(revisions)) {
      if (!isAlgorithm(algorithm)) continue
      for await (const { name } of this.#tree.list(path.posix.join(revisions, algorithm))) {
        const digest = `${algorithm}:${name}`
        if (isDigest(digest)) yield digest
      }
    }
  }

  async *leftovers(repository: string): AsyncGenerator<Leftover> {
    for await (const { name } of this.#tree.list(this.#of(repository, '_uploads'))) {
      yield { what: `_uploads/${name}`, reason: 'an upload that was never finished' }
    }
  }

  async findTag(repository: string, tag: string): Promise<Digest | undefined> {
    const name = this.#of(repository, `_manifests/tags/${tag}/current/link`)
    const digest = await this.#readLink(name)
    if (digest !== undefined) return digest
    throw new RegistryError('MANIFEST_UNKNOWN', `${name} is missing: the tag points nowhere.`)
  }

  async getManifest(repository: string, reference: Reference): Promise<SourceManifest> {
    const digest =
      reference.kind === 'digest' ? reference.digest : await this.findTag(repository, reference.tag)
    if (digest === undefined || !(await this.#hasRevision(repository, digest))) {
      const shown = digest ?? 'the tag'
      throw new RegistryError(
        'MANIFEST_UNKNOWN',
        `${repository} has no manifest ${shown} (any more).`,
      )
    }
    const name = this.#dataOf(digest)
    const content = await readSmallFile(this.#tree, name, maxManifestBytes)
    if (content !== undefined) return readManifest({ content, mediaType: undefined, digest })
    throw new RegistryError('MANIFEST_UNKNOWN', `The manifest's bytes are missing: ${name}.`)
  }

  /** Distribution keeps no list of them: they hang on tags. */
  async referrers(): Promise<readonly Digest[]> {
    return []
  }

  async openBlob(
    _repository: string,
    { digest, size }: { readonly digest: Digest; readonly size: number },
  ): Promise<SourceBlob> {
    const name = this.#dataOf(digest)
    const found = await this.#tree.find(name)
    if (found === undefined) throw new RegistryError('BLOB_UNKNOWN', `${name} is missing.`)
    if (found.sizeBytes === size) return found
    throw new RegistryError(
      'DIGEST_INVALID',
      `${name} is damaged: it has ${found.sizeBytes} bytes instead of ${size}.`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree[Symbol.asyncDispose]()
  }

  async #hasRevision(repository: string, digest: Digest): Promise<boolean> {
    const [algorithm, hex] = splitDigest(digest)
    const name = this.#of(repository, `_manifests/revisions/${algorithm}/${hex}/link`)
    const linked = await this.#readLink(name)
    if (linked === undefined || linked === digest) return linked !== undefined
    throw new RegistryError('UPSTREAM_FAILED', `${name} holds another digest, ${linked}.`)
  }

  /** Throws UPSTREAM_FAILED for a file that holds something else. */
  async #readLink(name: string): Promise<Digest | undefined> {
    const content = await readSmallFile(this.#tree, name, maxLinkBytes)
    if (content === undefined) return undefined
    const text = content.toString('latin1').trim()
    if (isDigest(text)) return text
    throw new RegistryError(
      'UPSTREAM_FAILED',
      `${name} is broken: it holds ${text === '' ? 'nothing' : `${text.length} characters that are`} no digest.`,
    )
  }

  #skipStranger(name: string, kind: 'file' | 'other'): void {
    const what =
      kind === 'file' ? 'a file, where only folders are' : 'a symlink, or no plain folder'
    this.#report.skip({ what: 'leftover', name, reason: 'unreadable', message: `it is ${what}.` })
  }

  #of(repository: string, below: string): string {
    return this.#at('repositories', `${repository}/${below}`)
  }

  #at(folder: string, below: string): string {
    return path.posix.join(this.#root, folder, below)
  }

  #dataOf(digest: Digest): string {
    const [algorithm, hex] = splitDigest(digest)
    return this.#at('blobs', `${algorithm}/${hex.slice(0, 2)}/${hex}/data`)
  }
}

/** Where in a folder a Distribution registry is. Undefined: nowhere. */
export async function findDistributionRoot(tree: FolderTree): Promise<string | undefined> {
  for (const root of ['docker/registry/v2', 'registry/v2', 'v2', '.']) {
    for await (const _ of tree.list(path.posix.join(root, 'repositories'))) return root
  }
  return undefined
}

function splitDigest(digest: Digest): [algorithm: string, hex: string] {
  const algorithm = algorithmOf(digest)
  return [algorithm, digest.slice(algorithm.length + 1)]
}
