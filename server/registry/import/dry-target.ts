import type { Digest } from '../../domain/digest.ts'
import type { RepositoryName } from '../../domain/reference.ts'
import type { ImportTarget } from './target.ts'

/** Puts nothing: what it says that it has put, it knows from then on. */
export function openDryTarget(target: ImportTarget, count: (bytes: number) => void): ImportTarget {
  const blobs = new Set<Digest>()
  const nothing = async () => undefined
  return {
    findManifest: (repository, digest) => target.findManifest(repository, digest),
    findTag: (repository, tag) => target.findTag(repository, tag),
    hasBlob: (repository: RepositoryName, digest) => target.hasBlob(repository, digest),
    mountBlob: async (_repository, digest) => blobs.has(digest),
    async putBlob({ digest, blob }) {
      blobs.add(digest)
      count(blob.sizeBytes)
      return 'copied'
    },
    putManifest: nothing,
    putTag: nothing,
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  }
}
