import { RegistryError } from '../domain/errors.ts'

const grammar = /^[a-z0-9-]{8,64}$/

/** Whether `text` can be a location: 8 to 64 of `a-z`, `0-9` and `-`, so never a path. */
export function isLocation(text: string): boolean {
  return grammar.test(text)
}

/** Throws INTERNAL for anything else: locations come from our own rows, never from a client. */
export function requireLocation(location: string): void {
  if (!isLocation(location)) {
    throw new RegistryError('INTERNAL', 'A blob location is malformed.', {
      detail: { location: location.slice(0, 100) },
    })
  }
}
