/** One thing that was looked at, what was seen, and what to do. */
export interface Finding {
  readonly name: string
  /** `skipped`: it could not be looked at, and `detail` says why. */
  readonly status: 'ok' | 'warning' | 'error' | 'skipped'
  readonly detail: string
  /** What to do; null: nothing. */
  readonly remedy: string | null
}

export function ok(name: string, detail: string): Finding {
  return { name, status: 'ok', detail, remedy: null }
}

export function warning(name: string, detail: string, remedy: string): Finding {
  return { name, status: 'warning', detail, remedy }
}

export function failure(name: string, detail: string, remedy: string): Finding {
  return { name, status: 'error', detail, remedy }
}

export function skipped(name: string, detail: string, remedy: string | null = null): Finding {
  return { name, status: 'skipped', detail, remedy }
}

/** The worst that was found; what was not looked at is no fault. */
export function worstOf(findings: readonly Finding[]): 'ok' | 'warning' | 'error' {
  if (findings.some(({ status }) => status === 'error')) return 'error'
  return findings.some(({ status }) => status === 'warning') ? 'warning' : 'ok'
}

/** What an error says, and what caused it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // A failed connection to a name with several addresses says why only in its parts.
  const [first] = error instanceof AggregateError ? error.errors : []
  if (first instanceof Error) return first.message
  const cause = error.cause instanceof Error ? error.cause.message : ''
  return error.message.includes(cause) ? error.message : `${error.message} (${cause})`
}
