/** What a secret is called: `password`, `newPassword`, `authorization`, `x-apikey`, `secret_key`, … */
const secretName =
  /(?:authorization|cookie|password|passwd|passphrase|passwordhash|secret|token|key|credentials?)s?$/i
const hidden = '[hidden]'
const maxDepth = 6
const maxTextLength = 8192

/**
 * A copy for the log: what is named like a secret is hidden, and so are credentials inside texts;
 * errors become plain objects with their causes; what is nested too deep is cut.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '[deeper]'
  if (value instanceof Error) return redactFields(fieldsOf(value), depth)
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => redact(item, depth + 1))
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Date) return value
  if (value instanceof URL) return redactText(value.href)
  return redactFields(value, depth)
}

/** Hides passwords in URLs, and what follows Basic, Bearer or a secret's name in a text. */
export function redactText(text: string): string {
  return text
    .slice(0, maxTextLength)
    .replace(/([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]*:)[^\s/]*@/gi, `$1${hidden}@`)
    .replace(/\b(Basic|Bearer) +[\w.~+/=-]{4,}/gi, `$1 ${hidden}`)
    .replace(
      /\b((?:access_|refresh_)?token|password|secret|signature|sig|(?:api_?|account|sharedaccess)?key)=[^&\s"']+/gi,
      `$1=${hidden}`,
    )
}

function redactFields(value: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 100)
      .map(([name, field]) => [name, isSecret(name, field) ? hidden : redact(field, depth + 1)]),
  )
}

/** Numbers and truth values are no secrets, whatever they are called: a count, an id, a switch. */
function isSecret(name: string, field: unknown): boolean {
  const holdsText = typeof field === 'string' || (typeof field === 'object' && field !== null)
  return holdsText && secretName.test(name)
}

function fieldsOf(error: Error): object {
  const { name, message, stack, cause } = error
  return { ...error, type: name, message, stack, ...(cause === undefined ? {} : { cause }) }
}
