import { createHash, randomBytes } from 'node:crypto'

/**
 * Secrets that the server makes up: a prefix, so that scanners of leaked secrets know them, and 256
 * random bits. So much cannot be guessed, and one round of SHA-256 is enough to store it.
 */
export type OpaqueSecretPrefix = 'ent_' | 'entr_' | 'ents_'

export function generateOpaqueSecret(prefix: OpaqueSecretPrefix): string {
  return prefix + randomBytes(32).toString('base64url')
}

/** SHA-256 in hexadecimal, the stored form; undefined for what this server cannot have made. */
export function hashOpaqueSecret(prefix: OpaqueSecretPrefix, secret: string): string | undefined {
  if (!secret.startsWith(prefix)) return undefined
  if (!/^[A-Za-z0-9_-]{43}$/.test(secret.slice(prefix.length))) return undefined
  return createHash('sha256').update(secret).digest('hex')
}
