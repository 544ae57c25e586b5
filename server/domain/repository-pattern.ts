import { RegistryError } from './errors.ts'

/** Names of repositories inside a feed: `team/*`. Comes only from `parseRepositoryPattern`. */
export type RepositoryPattern = string & { readonly brand: 'RepositoryPattern' }

/** As long as a name may be. */
const maxLength = 255
/** Each costs a look at the whole name, for every rule and every request. */
const maxStars = 16

/**
 * `*` stands for any run of characters without `/`, perhaps none, `**` for one with; all else for
 * itself. Throws REQUEST_INVALID, saying why, for what could match no repository or says something
 * unclear.
 */
export function parseRepositoryPattern(text: string): RepositoryPattern {
  const reason = whyBad(text)
  if (reason === undefined) return text as RepositoryPattern
  throw new RegistryError(
    'REQUEST_INVALID',
    `"${text.slice(0, 100)}" is not a pattern of repository names: ${reason}`,
  )
}

/**
 * Whether the repository's name, inside its feed, fits. Takes at most as many steps as both lengths
 * multiplied, whatever they contain.
 */
export function matchesPattern(pattern: string, repository: string): boolean {
  const firstStar = pattern.indexOf('*')
  if (firstStar < 0) return pattern === repository
  if (!repository.startsWith(pattern.slice(0, firstStar))) return false
  // By place in the name: whether the pattern so far can end there.
  const reached = new Uint8Array(repository.length + 1)
  reached[firstStar] = 1
  for (let at = firstStar; at < pattern.length; at += 1) {
    if (pattern[at] !== '*') {
      stepOver(reached, repository, pattern.charCodeAt(at))
    } else {
      const isDouble = pattern[at + 1] === '*'
      spread(reached, repository, isDouble)
      if (isDouble) at += 1
    }
  }
  return reached[repository.length] === 1
}

const slash = '/'.charCodeAt(0)

/** Each place that is reached leads one further, if this character stands there. */
function stepOver(reached: Uint8Array, name: string, character: number): void {
  for (let at = name.length; at > 0; at -= 1) {
    reached[at] = name.charCodeAt(at - 1) === character ? (reached[at - 1] ?? 0) : 0
  }
  reached[0] = 0
}

/** Each place that is reached leads to all behind it, but not past a `/` unless the star is double. */
function spread(reached: Uint8Array, name: string, isDouble: boolean): void {
  for (let at = 1; at <= name.length; at += 1) {
    const goesOn = isDouble || name.charCodeAt(at - 1) !== slash
    if (goesOn && reached[at - 1] === 1) reached[at] = 1
  }
}

function whyBad(text: string): string | undefined {
  if (text === '') return 'it is empty; ** stands for every repository.'
  if (text.length > maxLength) return `it has more than ${maxLength} characters.`
  if (/[A-Z]/.test(text)) return 'repositories have no upper-case letters.'
  const stranger = /[^a-z0-9._/*-]/u.exec(text)?.[0]
  if (stranger !== undefined) return `no repository has the character ${JSON.stringify(stranger)}.`
  if (text.split(/\*+/).length - 1 > maxStars) return `it has more than ${maxStars} stars.`
  if (text.includes('***')) return 'more than two stars in a row say nothing more than **.'
  if (text.startsWith('/')) return 'it begins with "/"; names inside a registry do not.'
  if (text.endsWith('/')) return 'it ends with "/"; write ** behind it for all that is below.'
  if (text.includes('//')) return 'it has an empty part between two "/".'
  return undefined
}
