import { Problem } from './problem.ts'
import type { Reply, Route, Sent } from './route.ts'

/** Where the API is, and what each call carries. */
export interface Client {
  /** No slash at the end; empty in a page of the server itself. */
  readonly baseUrl: string
  readonly headers?: Readonly<Record<string, string>>
  /** `omit`: without the browser's cookie. */
  readonly credentials?: 'omit'
  readonly signal?: AbortSignal
}

/** A page, and what the next one begins after; null: it was the last. */
export interface Page<R extends Route> {
  readonly items: Reply<R>
  readonly next: string | null
}

/** What the server said instead of doing it. */
export class CallError extends Error {
  override name = 'CallError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** A page's own calls carry this: no other site can make a browser send it (see docs/api.md). */
export const pageHeader = { name: 'x-requested-with', value: 'entrepot' } as const

/** Calls one route; what goes there and what comes back are typed by it. Throws CallError. */
export async function call<R extends Route>(
  client: Client,
  route: R,
  input: Partial<Sent<R>> = {},
): Promise<Reply<R>> {
  return (await request(client, route, input)).reply
}

/** As `call`, for a list: with where the next page begins. */
export async function callPage<R extends Route>(
  client: Client,
  route: R,
  input: Partial<Sent<R>> = {},
): Promise<Page<R>> {
  const { reply, link } = await request(client, route, input)
  const [, target] = /<([^>]*)>; rel="next"/.exec(link ?? '') ?? []
  const next =
    target === undefined ? null : new URL(target, 'http://base').searchParams.get('after')
  return { items: reply, next }
}

async function request<R extends Route>(client: Client, route: R, input: Partial<Sent<R>>) {
  const hasBody = route.method !== 'GET' && input.body !== undefined
  const response = await fetch(`${client.baseUrl}${addressOf(route, input)}`, {
    method: route.method,
    headers: {
      accept: 'application/json',
      [pageHeader.name]: pageHeader.value,
      ...(hasBody && { 'content-type': 'application/json' }),
      ...client.headers,
    },
    ...(hasBody && { body: JSON.stringify(input.body) }),
    ...(client.credentials && { credentials: client.credentials }),
    ...(client.signal && { signal: client.signal }),
  })
  if (!response.ok) throw new CallError(await readProblem(response))
  const body = route.text ? await response.text() : await response.json()
  const reply = route.reply.parse(body) as Reply<R>
  return { reply, link: response.headers.get('link') }
}

/** Path and query of a call. */
export function addressOf<R extends Route>(route: R, input: Partial<Sent<R>>): string {
  const params = fieldsOf(input.params)
  const path = route.path.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(String(params[name] ?? '')),
  )
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fieldsOf(input.query))) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? path : `${path}?${query}`
}

function fieldsOf(part: unknown): Readonly<Record<string, unknown>> {
  return typeof part === 'object' && part !== null ? (part as Record<string, unknown>) : {}
}

/** What a proxy in between answers is no problem document. */
async function readProblem(response: Response): Promise<Problem> {
  const text = await response.text()
  try {
    return Problem.parse(JSON.parse(text))
  } catch {
    const { status, statusText } = response
    const detail = text.slice(0, 200) || statusText
    return { type: 'about:blank', title: statusText, status, detail, code: 'UNKNOWN' }
  }
}
