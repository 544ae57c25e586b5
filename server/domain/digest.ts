import { RegistryError } from './errors.ts'

/** `sha256:<64 hex>` or `sha512:<128 hex>` (OCI image-spec, descriptor.md "Digests"). */
export type Digest = string & { readonly brand: 'Digest' }
export type DigestAlgorithm = 'sha256' | 'sha512'

/** In the order of their names. */
export const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512']

const hexLength: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 }
const grammar = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([A-Za-z0-9=_-]+)$/

/** The digest in `text`. Throws DIGEST_INVALID that says what is wrong with it. */
export function parseDigest(text: string): Digest {
  const [, algorithm = '', encoded = ''] = grammar.exec(text) ?? []
  if (algorithm === '') {
    throw new RegistryError(
      'DIGEST_INVALID',
      `"${text.slice(0, 200)}" is not a digest: it must look like sha256:<64 hexadecimal digits>.`,
    )
  }
  if (!isAlgorithm(algorithm)) {
    throw new RegistryError(
      'DIGEST_INVALID',
      `The digest algorithm "${algorithm.slice(0, 40)}" is not supported: use sha256 or sha512.`,
    )
  }
  if (encoded.length !== hexLength[algorithm] || !/^[a-f0-9]+$/.test(encoded)) {
    throw new RegistryError(
      'DIGEST_INVALID',
      `"${text.slice(0, 200)}" is not a digest: ${algorithm} needs ${hexLength[algorithm]} lower-case hexadecimal digits.`,
    )
  }
  return text as Digest
}

/** Whether `text` is a digest of a supported algorithm. */
export function isDigest(text: string): text is Digest {
  const [, algorithm = '', encoded = ''] = grammar.exec(text) ?? []
  return (
    isAlgorithm(algorithm) && encoded.length === hexLength[algorithm] && /^[a-f0-9]+$/.test(encoded)
  )
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** A digest from the hexadecimal form of a hash that was just computed. */
export function formatDigest(algorithm: DigestAlgorithm, hex: string): Digest {
  return `${algorithm}:${hex}` as Digest
}

export function isAlgorithm(text: string): text is DigestAlgorithm {
  return text === 'sha256' || text === 'sha512'
}
