import { RegistryError } from '../domain/errors.ts'

/**
 * Refuses what the databases would bind as something else: SQLite takes a Date for null and an
 * object for named parameters, pg takes undefined for null and an object for JSON. A text with a
 * NUL, which PostgreSQL does not take, is REQUEST_INVALID on both: it came from a client.
 */
export function checkParameters(parameters: readonly unknown[]): void {
  for (const value of parameters) {
    if (value === undefined) {
      throw new TypeError('A parameter of a statement is undefined.')
    }
    if (typeof value === 'string' && value.includes('\0')) {
      throw new RegistryError('REQUEST_INVALID', 'A text must not contain the character NUL.')
    }
    if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      throw new TypeError(`A ${value.constructor?.name ?? 'plain'} object is no SQL value.`)
    }
  }
}
