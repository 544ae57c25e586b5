import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Content, Image } from '../support/content.ts'

/** The folder of a Distribution registry, written by hand: also as none would write it. */
export class DistributionLayout {
  /** What is given to an import. */
  readonly folder: string
  /** Where `blobs` and `repositories` are. */
  readonly root: string

  constructor(folder: string) {
    this.folder = folder
    this.root = path.join(folder, 'docker/registry/v2')
    mkdirSync(path.join(this.root, 'repositories'), { recursive: true })
  }

  dataOf(digest: string): string {
    const [algorithm = '', hex = ''] = digest.split(':')
    return path.join(this.root, 'blobs', algorithm, hex.slice(0, 2), hex, 'data')
  }

  /** Of a repository. */
  manifestsOf(name: string): string {
    return path.join(this.root, 'repositories', name, '_manifests')
  }

  putBlob({ digest, bytes }: Content): void {
    write(this.dataOf(digest), bytes)
  }

  putManifest(name: string, manifest: Content, tags: readonly string[] = []): void {
    const below = this.manifestsOf(name)
    const place = manifest.digest.replace(':', '/')
    this.putBlob(manifest)
    write(path.join(below, 'revisions', place, 'link'), manifest.digest)
    for (const tag of tags) {
      write(path.join(below, 'tags', tag, 'current/link'), manifest.digest)
      write(path.join(below, 'tags', tag, 'index', place, 'link'), manifest.digest)
    }
  }

  putImage(name: string, each: Image, tags: readonly string[] = []): void {
    for (const content of each.blobs) this.putBlob(content)
    this.putManifest(name, each.manifest, tags)
  }

  /** Half of an upload. */
  putUpload(name: string, id: string): void {
    write(path.join(this.root, 'repositories', name, '_uploads', id, 'data'), 'half')
  }
}

function write(file: string, content: Uint8Array | string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
}
