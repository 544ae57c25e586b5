import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { RegistryError } from '../domain/errors.ts'

/** Texts that only this server can read, and only as what they were written for. */
export interface Encryption {
  /** `belongsTo` says what the text is part of, and is needed to read it: `directory corp`. */
  encrypt(text: string, belongsTo: string): string
  /**
   * Throws INTERNAL, saying what to do, for what was changed, belongs to something else or was
   * encrypted under another key.
   */
  decrypt(stored: string, belongsTo: string): string
  /** As `decrypt`, for what strangers hand in: undefined where that throws. */
  tryDecrypt(stored: string, belongsTo: string): string | undefined
}

const algorithm = 'aes-256-gcm'
const version = 'v1'
const ivBytes = 12
const tagBytes = 16

/** `v1:` and, in base64url, a random nonce, the tag and the encrypted text. `key` has 32 bytes. */
export function openEncryption(key: Uint8Array): Encryption {
  const encrypt = (text: string, belongsTo: string) => {
    const iv = randomBytes(ivBytes)
    const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes })
    cipher.setAAD(additionalData(belongsTo))
    const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return `${version}:${Buffer.concat([iv, cipher.getAuthTag(), encrypted]).toString('base64url')}`
  }
  const tryDecrypt = (stored: string, belongsTo: string) => {
    const [, encoded] = /^v1:([A-Za-z0-9_-]+)$/.exec(stored) ?? []
    const bytes = Buffer.from(encoded ?? '', 'base64url')
    if (bytes.byteLength < ivBytes + tagBytes) return undefined
    const iv = bytes.subarray(0, ivBytes)
    const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: tagBytes })
    decipher.setAAD(additionalData(belongsTo))
    decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
    const text = decipher.update(bytes.subarray(ivBytes + tagBytes))
    try {
      return Buffer.concat([text, decipher.final()]).toString('utf8')
    } catch {
      return undefined
    }
  }
  return {
    encrypt,
    tryDecrypt,
    decrypt(stored, belongsTo) {
      const text = tryDecrypt(stored, belongsTo)
      if (text !== undefined) return text
      throw new RegistryError(
        'INTERNAL',
        `The stored secret of the ${belongsTo} cannot be read: it was encrypted under another secret key. Start with the old secret key, or give the secret again.`,
      )
    },
  }
}

/** Authenticated, so that a stored text moved to another place is not read there. */
function additionalData(belongsTo: string): Buffer {
  return Buffer.from(`${version} ${belongsTo}`, 'utf8')
}
