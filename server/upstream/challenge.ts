/** One way to show who is calling, as a `WWW-Authenticate` header offers it (RFC 9110, 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * Everything that a `WWW-Authenticate` header offers; several headers come joined by commas. What
 * cannot be read ends the list.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  const token = /\s*,?\s*([!#$%&'*+\-.^_`|~A-Za-z0-9]+)/y
  const value = /\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y
  for (let at = 0; at < header.length; ) {
    token.lastIndex = at
    const [, name] = token.exec(header) ?? []
    if (name === undefined) return challenges
    value.lastIndex = token.lastIndex
    const found = value.exec(header)
    const last = challenges.at(-1)
    if (found && last) {
      const [, quoted, plain] = found
      last.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''
      at = value.lastIndex
    } else {
      challenges.push({ scheme: name.toLowerCase(), parameters: {} })
      at = token.lastIndex
    }
  }
  return challenges
}
