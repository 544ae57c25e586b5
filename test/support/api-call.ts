import { CallError, type Client } from '../../contract/call.ts'
import { type Answer, send } from './wire.ts'

export interface ApiRequest {
  readonly method?: string
  /** Path and query. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Answer['headers']
  /** The JSON that came back. */
  readonly body: unknown
}

/** One request to the management API, as a script would send it. */
export async function askApi(url: string, request: ApiRequest): Promise<ApiAnswer> {
  const { target, headers = {}, json, form } = request
  const body =
    json !== undefined ? JSON.stringify(json) : form && new URLSearchParams(form).toString()
  const type = json !== undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  const answer = await send(url, {
    method: request.method ?? (body === undefined ? 'GET' : 'POST'),
    target,
    headers: { ...headers, ...(body !== undefined && { 'content-type': type }) },
    ...(body !== undefined && { body }),
  })
  const text = answer.body.toString('utf8')
  return {
    status: answer.status,
    headers: answer.headers,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

/** A typed client with these credentials. */
export function clientOf(baseUrl: string, authorization?: string): Client {
  return { baseUrl, headers: authorization === undefined ? {} : { authorization } }
}

/** What a browser's page of this server sends along. */
export function pageHeaders(url: string, cookie: string): Readonly<Record<string, string>> {
  return { cookie, origin: url, 'x-requested-with': 'entrepot' }
}

/** The name and value of the cookie that an answer sets; '' without one. */
export function cookieOf({ headers }: ApiAnswer): string {
  return headers['set-cookie']?.split(';', 1)[0] ?? ''
}

/** The problem with which a call was refused. Throws whatever else became of it. */
export async function problemOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof CallError) return error.problem
  throw error ?? new Error('it was not refused')
}
