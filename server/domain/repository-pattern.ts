import { RegistryError } from './errors.ts'

/** Names of repositories inside a feed: `team/*`. Comes only from `parseRepositoryPattern`. */
export type RepositoryPattern = string & { readonly brand: 'RepositoryPattern' }

/** As long as a name may be. */
const maxLength = 255

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
 * Whether the repository's name, inside its feed, fits. Takes time in proportion to both lengths,
 * whatever they contain.
 */
export function matchesPattern(pattern: string, repository: string): boolean {
  if (!pattern.includes('*')) return pattern === repository
  let places = new Set<number>()
  enter(places, pattern, 0)
  for (const character of repository) {
    const next = new Set<number>()
    for (const at of places) step(next, pattern, { at, character })
    if (next.size === 0) return false
    places = next
  }
  return places.has(pattern.length)
}

/** Adds where a place of the pattern leads with this character, if anywhere. */
function step(
  next: Set<number>,
  pattern: string,
  { at, character }: { readonly at: number; readonly character: string },
): void {
  if (pattern[at] === '*') {
    if (character !== '/' || isDouble(pattern, at)) enter(next, pattern, at)
  } else if (pattern[at] === character) {
    enter(next, pattern, at + 1)
  }
}

/** Adds the place in the pattern, and those behind its stars, which may stand for nothing. */
function enter(places: Set<number>, pattern: string, at: number): void {
  places.add(at)
  if (pattern[at] === '*') enter(places, pattern, at + (isDouble(pattern, at) ? 2 : 1))
}

function isDouble(pattern: string, at: number): boolean {
  return pattern[at + 1] === '*'
}

function whyBad(text: string): string | undefined {
  if (text === '') return 'it is empty; ** stands for every repository.'
  if (text.length > maxLength) return `it has more than ${maxLength} characters.`
  if (/[A-Z]/.test(text)) return 'repositories have no upper-case letters.'
  const stranger = /[^a-z0-9._/*-]/u.exec(text)?.[0]
  if (stranger !== undefined) return `no repository has the character ${JSON.stringify(stranger)}.`
  if (text.includes('***')) return 'more than two stars in a row say nothing more than **.'
  if (text.startsWith('/')) return 'it begins with "/"; names inside a registry do not.'
  if (text.endsWith('/')) return 'it ends with "/"; write ** behind it for all that is below.'
  if (text.includes('//')) return 'it has an empty part between two "/".'
  return undefined
}
