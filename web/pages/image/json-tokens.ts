export interface JsonToken {
  readonly kind: 'name' | 'string' | 'number' | 'word' | 'plain'
  readonly text: string
}

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g

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

/** Two spaces deep; what is no JSON stays as it is. */
export function indentJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
