import type { Random } from '../support/random.ts'

const snippets = [
  '',
  ' ',
  '.',
  '..',
  '../../../../etc/passwd',
  '/',
  '//',
  '\\',
  '%',
  '%2',
  '%zz',
  '%00',
  '%0d%0aX-Injected:%20yes',
  '%2e%2e%2f',
  '%252e%252e',
  '%c0%af',
  '%ff%fe',
  '%F0%9F%92%A9',
  '\u00e9',
  '\u00ff',
  "' OR 1=1 --",
  '";drop table blobs;--',
  '<script>alert(1)</script>',
  '{{7*7}}',
  '$(id)',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  'true',
  '-1',
  '0',
  '1e309',
  '9007199254740993',
  '99999999999999999999999999',
  '0x10',
  '_auth',
  '_catalog',
  'blobs',
  'uploads',
  'manifests',
  'tags',
  'list',
  'referrers',
  'UPPER',
  'a'.repeat(300),
  'a/'.repeat(200),
  'a--b',
  'a__b',
  'a___b',
  '-a',
  'a.',
  '*',
  '?',
  '#',
  ';',
  '&',
  '=',
  '+',
  '@',
  ':',
]

/** Text that somebody forgot to think of. */
export function oddText(random: Random): string {
  return random.pick(snippets)
}

/** One that is nearly right. */
export function mutate(random: Random, text: string): string {
  const at = random.between(0, text.length)
  switch (random.between(1, 8)) {
    case 1:
      return text.slice(0, at)
    case 2:
      return text.slice(0, at) + oddText(random) + text.slice(at)
    case 3:
      return text.slice(0, at) + text.slice(at + 1)
    case 4:
      return text.toUpperCase()
    case 5:
      return text + text
    case 6:
      return percentEncoded(random, text)
    case 7:
      return text.slice(0, at) + letter(random) + text.slice(at + 1)
    default:
      return text + letter(random).repeat(random.pick([1, 2, 100, 5000]))
  }
}

/** Mostly as it is. */
export function sometimesMutated(random: Random, text: string, probability = 0.2): string {
  return random.chance(probability) ? mutate(random, text) : text
}

export function percentEncoded(random: Random, text: string): string {
  return [...text]
    .map((character) =>
      random.chance(0.5)
        ? character
        : `%${character.charCodeAt(0).toString(16).padStart(2, '0').slice(-2)}`,
    )
    .join('')
}

/** Nothing that ends the request line: broken lines are made elsewhere. */
function letter(random: Random): string {
  return String.fromCharCode(random.between(33, 126))
}

/** What may stand in a request line: no spaces, no control characters, a byte a character. */
export function lineSafe(text: string): string {
  return [...text]
    .map((character) => {
      const code = character.charCodeAt(0)
      return code > 32 && code < 256 && code !== 127 ? character : encodeURIComponent('\u0020')
    })
    .join('')
}
