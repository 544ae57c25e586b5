import path from 'node:path'

/**
 * Where things are in a disk store:
 *
 *     <root>/entrepot-store.json            the marker
 *     <root>/uploads/<location>             staged bytes
 *     <root>/blobs/<shard>/<location>       finished bytes; shard: the first two characters
 */
export interface FileLayout {
  readonly root: string
  readonly marker: string
  readonly uploads: string
  readonly blobs: string
}

export function layoutOf(root: string): FileLayout {
  return {
    root,
    marker: path.join(root, 'entrepot-store.json'),
    uploads: path.join(root, 'uploads'),
    blobs: path.join(root, 'blobs'),
  }
}

/** The path of staged bytes. The location must have been checked. */
export function stagedPath(layout: FileLayout, location: string): string {
  return path.join(layout.uploads, location)
}

/** The path of finished bytes. The location must have been checked. */
export function finishedPath(layout: FileLayout, location: string): string {
  return path.join(layout.blobs, shardOf(location), location)
}

export function shardOf(location: string): string {
  return location.slice(0, 2)
}

export function isShard(name: string): boolean {
  return /^[a-z0-9-]{2}$/.test(name)
}
