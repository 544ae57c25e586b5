import { RegistryError } from './errors.ts'
import { virtualGroups } from './rule.ts'
import { userKey } from './user-name.ts'

/** A name as typed, and the form under which it is found: without regard to case or spelling. */
export interface AccessName {
  readonly name: string
  readonly key: string
}

const maxLength = 100

/**
 * The name of a group, task or feed group. Throws REQUEST_INVALID for one that is empty, longer than
 * 100 characters, begins or ends with white space or has control characters, and for a group named
 * as one of those that are always there (Everyone, …).
 */
export function parseAccessName(kind: 'group' | 'task' | 'feed group', name: string): AccessName {
  const key = userKey(name)
  if (name.length > maxLength || key.length > maxLength) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `The name of a ${kind} has at most ${maxLength} characters.`,
    )
  }
  if (key === '' || key !== key.trim() || /[\p{Cc}\p{Cs}]/u.test(name)) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `The name of a ${kind} must not be empty, begin or end with a space, or contain control characters.`,
    )
  }
  if (kind === 'group' && (virtualGroups as readonly string[]).includes(key)) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `There is a group "${key}" always: use another name.`,
    )
  }
  return { name, key }
}

/** What was typed to find something that exists; whatever it is, it has a key. */
export function accessName(name: string): AccessName {
  return { name: name.slice(0, maxLength * 2), key: userKey(name.slice(0, maxLength * 2)) }
}
