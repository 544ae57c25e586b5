import { hkdfSync, randomBytes } from 'node:crypto'
import path from 'node:path'
import { RegistryError } from '../domain/errors.ts'
import { readOrCreateSecretFile } from './secret-file.ts'

/** What the server must keep to itself: everything that it signs or encrypts hangs on it. */
export interface SecretKey {
  /** 32 bytes for one purpose, the same on every process that has this secret (HKDF, RFC 5869). */
  deriveKey(purpose: KeyPurpose): Uint8Array
}

export type KeyPurpose = 'token-signing' | 'stored-credentials' | 'login-state'

const minLength = 32

/**
 * The configured secret, or the one in `<dataDir>/secret.key`, which the first start makes (mode
 * 0600). Throws INTERNAL, saying what to do, if it is shorter than 32 characters or its file can be
 * read by everybody. `dataDir` must exist.
 */
export async function openSecretKey(options: {
  readonly dataDir: string
  readonly configured: string | null
}): Promise<SecretKey> {
  const { dataDir, configured } = options
  if (configured !== null && configured.trim().length < minLength) {
    throw new RegistryError(
      'INTERNAL',
      `The configured secret key is too short: at least ${minLength} characters are needed, for example those that "openssl rand -base64 32" prints.`,
    )
  }
  const secret =
    configured?.trim() ??
    (await readOrCreateSecretFile({
      file: path.join(dataDir, 'secret.key'),
      minLength,
      make: () => randomBytes(32).toString('base64url'),
    }))
  return {
    deriveKey: (purpose) =>
      new Uint8Array(hkdfSync('sha256', secret, '', `entrepot ${purpose}`, 32)),
  }
}
