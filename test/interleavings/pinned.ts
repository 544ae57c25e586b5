import type { Operation } from './operations.ts'

/**
 * Pairs that are played first and whole at every run, by the names of their operations: each has
 * an order that goes wrong if a lock or a condition that the design rests on is not there.
 */
const names: readonly (readonly [string, string])[] = [
  // Who holds the upload: the epoch, looked at when it is committed.
  ['PATCH upload', 'PUT upload as loose'],
  ['PUT upload as loose', 'PUT upload as loose'],
  // The blob's row, shared by a mount.
  ['mount rare from lib to app', 'push rare to app'],
  ['mount rare from lib to app', 'DELETE blob rare of lib'],
  ['mount loose from app to lib', 'DELETE blob loose of app'],
  // The repository's row, shared by commits and mounts: a manifest wants the blob meanwhile.
  ['push loose to lib', 'PUT manifest sparse to lib'],
  ['mount loose from app to lib', 'PUT manifest sparse to lib'],
  // The repository's row, held by whoever judges what is in use.
  ['PUT manifest new index to app', 'DELETE manifest orphan'],
  ['DELETE manifest index', 'PUT manifest image to app'],
  ['PUT manifest new image to app', 'DELETE blob loose of app'],
  // Clean-up against whoever holds, or is about to hold, what it looks at.
  ['clean links of app', 'HEAD blob stale of app'],
  ['clean links of app', 'mount stale from app to lib'],
  ['clean links of app', 'PUT manifest uses stale to app'],
  ['clean links of app', 'DELETE blob stale of app'],
  ['clean orphans of app', 'HEAD manifest lost'],
  ['clean orphans of app', 'PUT manifest holds lost to app'],
  ['clean orphans of app', 'tag lost as v4'],
  ['clean orphans of app', 'DELETE manifest lost'],
  ['clean orphans of app', 'keep-alive'],
  ['clean blobs', 'push bare to app'],
  ['clean blobs', 'clean links of app'],
  ['clean blobs', 'clean blobs'],
  ['purge uploads', 'PUT upload as loose'],
  // Leases that are renewed without the repository's row.
  ['HEAD manifest orphan', 'DELETE manifest orphan'],
  ['HEAD blob loose of app', 'DELETE blob loose of app'],
]

export function isPinned(one: Operation, other: Operation): boolean {
  return names.some(
    ([a, b]) => (a === one.name && b === other.name) || (b === one.name && a === other.name),
  )
}

/** Names that no operation has: the pair would never be played. */
export function listUnknownPins(operations: readonly Operation[]): string[] {
  const known = new Set(operations.map(({ name }) => name))
  return names.flat().filter((name) => !known.has(name))
}
