export interface JsonToken {
  readonly kind: 'name' | 'string' | 'number' | 'word' | 'plain'
  readonly text: string
}

const string = /"[^"\\]*(?:\\.[^"\\]*)*"/
const token = new RegExp(
  `(${string.source})(\\s*:)?|(-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)|\\b(true|false|null)\\b`,
  'g',
)
const piece = new RegExp(`${string.source}|[{}[\\],:]|[^\\s{}[\\],:"]+`, 'g')
/** What is deeper stands below each other: each level would make all that is in it longer. */
const maxIndent = 40

/** The pieces of a JSON text, which together are the text. */
export function tokenizeJson(text: string): readonly JsonToken[] {
  const tokens: JsonToken[] = []
  let end = 0
  const plain = (until: number) => {
    if (until > end) tokens.push({ kind: 'plain', text: text.slice(end, until) })
  }
  for (const match of text.matchAll(token)) {
    const [whole, string, colon, number] = match
    plain(match.index)
    const kind = string ? (colon ? 'name' : 'string') : number ? 'number' : 'word'
    tokens.push({ kind, text: string ?? whole })
    end = match.index + (string ?? whole).length
  }
  plain(text.length)
  return tokens
}

/**
 * Two spaces deep, and each piece as it was written: a name that is there twice stays there twice,
 * and a long number keeps its digits. What is no JSON stays as it is.
 */
export function indentJson(text: string): string {
  if (!isJson(text)) return text
  let depth = 0
  let before = ''
  const pieces: string[] = []
  const line = () => `\n${'  '.repeat(Math.min(depth, maxIndent))}`
  for (const [found] of text.matchAll(piece)) {
    const opened = before === '{' || before === '['
    const closes = found === '}' || found === ']'
    if (closes) depth -= 1
    if (before === ',' || opened !== closes) pieces.push(line())
    pieces.push(found === ':' ? ': ' : found)
    if (found === '{' || found === '[') depth += 1
    before = found
  }
  return pieces.join('')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
