import { RegistryError } from './errors.ts'
import { virtualGroups } from './rule.ts'

/** In `Authorization: Basic` the user name that says: the password is an API key. */
const apiKeyUserName = 'api'
const maxLength = 100

/**
 * The form under which a user is found: names match without regard to case, and look-alikes of
 * one name (full-width letters, composed and decomposed accents) are one name.
 */
export function userKey(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}

/** Whether a Basic user name announces an API key. */
export function isApiKeyUserName(name: string): boolean {
  return name.toLowerCase() === apiKeyUserName
}

/** Whether any user can have this key: whatever cannot is not worth looking for. */
export function isUserKey(key: string): boolean {
  if (key === '' || key.length > maxLength || key !== key.trim()) return false
  return !/[:\p{Cc}\p{Cs}]/u.test(key)
}

/**
 * A name that a user may have, and its key. Throws REQUEST_INVALID for one that is empty, longer
 * than 100 characters, cannot travel in a Basic header (colons, control characters), begins or ends
 * with white space, or is `api`, the name of a virtual group (Anonymous, …), or what the audit calls
 * the server, its command line and API keys, in any spelling.
 */
export function parseUserName(name: string): { readonly name: string; readonly key: string } {
  const key = userKey(name)
  if (key === apiKeyUserName) {
    throw new RegistryError(
      'REQUEST_INVALID',
      'No user can be named "api": with that name, the password of a login is an API key.',
    )
  }
  if ((virtualGroups as readonly string[]).includes(key)) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `No user can be named "${key}": permissions mean a group by it.`,
    )
  }
  if (name.length > maxLength || key.length > maxLength) {
    throw new RegistryError('REQUEST_INVALID', `A user name has at most ${maxLength} characters.`)
  }
  if (!isUserKey(key) || !isUserKey(name) || /\p{Cf}/u.test(name)) {
    throw new RegistryError(
      'REQUEST_INVALID',
      'A user name must not be empty, begin or end with a space, or contain colons or control or invisible characters.',
    )
  }
  if (isServersOwn(key)) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `No user can be named "${name}": the audit means the server itself, or an API key, by it.`,
    )
  }
  return { name, key }
}

const serversOwn: readonly string[] = ['entrepot', 'command line', 'feedcleanup', 'retention']

/** Who the audit says did what no user did. */
function isServersOwn(key: string): boolean {
  const plain = key.replace(/\s+/gu, ' ')
  return serversOwn.includes(plain) || /^api key\b/.test(plain)
}
