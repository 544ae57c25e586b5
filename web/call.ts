import { CallError, type Client } from '../contract/call.ts'
import { FieldProblem } from '../contract/problem.ts'

/** The server that this page came from, with the cookie of the session. */
export const client: Client = { baseUrl: '' }

/** The same without the cookie: what anybody hears, also while a session that ended is in the way. */
export const anonymousClient: Client = { baseUrl: '', credentials: 'omit' }

/** What failed, in words for a person. */
export interface Trouble {
  readonly title: string
  readonly detail: string
}

export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof CallError)) {
    return {
      title: 'The server does not answer',
      detail: `Check the connection and try again. (${error instanceof Error ? error.message : String(error)})`,
    }
  }
  const { status, detail, title } = error.problem
  if (status === 401) return { title: 'You are not signed in', detail }
  if (status === 403) return { title: 'You may not do this', detail }
  if (status === 404) return { title: 'There is no such thing here', detail }
  if (status === 409) return { title: 'This cannot be done now', detail }
  if (status === 422) return { title: 'Something is not right yet', detail: fieldsInWords(error) }
  return { title, detail }
}

export function isRefused(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof CallError && statuses.includes(error.problem.status)
}

/** Of a 422, what is wrong with each field, by its name; empty for everything else. */
export function fieldProblems(error: unknown): Readonly<Record<string, string>> {
  if (!isRefused(error, 422)) return {}
  const found = FieldProblem.array().safeParse((error as CallError).problem.errors)
  if (!found.success) return {}
  return Object.fromEntries(found.data.map(({ field, message }) => [field, message]))
}

function fieldsInWords(error: CallError): string {
  const lines = Object.entries(fieldProblems(error)).map(([field, message]) =>
    field === '' ? message : `${field}: ${message}`,
  )
  return lines.length === 0 ? error.problem.detail : lines.join('; ')
}
