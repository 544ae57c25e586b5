import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { finishedPath, layoutOf, shardOf } from '../server/blobs/file-layout.ts'
import type { NameOf } from './database-filling.ts'

/**
 * Lays out what the peer reads, where pushes would take hours. `folder` is that of its repositories.
 * Its entries are symbolic links to one folder: made and removed in a moment, and if it matters to
 * the peer at all, it helps it.
 */

/** Tags of a repository, each with a link that says which manifest it means. */
export function makeTagFolders(folder: string, nameOf: NameOf, count: number): void {
  const shared = path.join(folder, 'shared')
  mkdirSync(path.join(shared, 'current'), { recursive: true })
  writeFileSync(path.join(shared, 'current/link'), `sha256:${'0'.repeat(64)}`)
  const tags = path.join(folder, '_manifests/tags')
  mkdirSync(tags, { recursive: true })
  for (let number = 0; number < count; number++) {
    symlinkSync(shared, path.join(tags, nameOf.of(number)))
  }
}

/** Repositories: the catalog takes for one what has layers. */
export function makeRepositoryFolders(folder: string, nameOf: NameOf, count: number): void {
  const shared = path.join(folder, '_shared')
  mkdirSync(path.join(shared, '_layers'), { recursive: true })
  for (let number = 0; number < count; number++) {
    const repository = path.join(folder, nameOf.of(number))
    mkdirSync(path.dirname(repository), { recursive: true })
    symlinkSync(shared, repository)
  }
}

/** The bytes of blobs in the store beside this database, a thousand each. */
export function makeBlobFiles(databaseFile: string, locations: readonly string[]): void {
  const layout = layoutOf(path.join(path.dirname(databaseFile), 'store'))
  const bytes = Buffer.alloc(1000)
  for (const shard of new Set(locations.map(shardOf))) {
    mkdirSync(path.join(layout.blobs, shard), { recursive: true })
  }
  for (const location of locations) writeFileSync(finishedPath(layout, location), bytes)
}
