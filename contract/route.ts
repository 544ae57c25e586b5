import { z } from 'zod'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** One endpoint of the management API. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
> {
  readonly method: Method
  /** Other methods that do the same: those that ProGet documents, or that its own client sends. */
  readonly also: readonly Method[]
  /** From the server's root, parts of it as `:name`. */
  readonly path: string
  /** A few words, for lists. */
  readonly summary: string
  readonly description: string
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly reply: Reply
  /** Whether the reply is a page: `after` and `count` ask for it, a `Link` header leads on. */
  readonly paged: boolean
  /** Whether the reply has an ETag, so that asking again for what has not changed is a 304. */
  readonly revalidated: boolean
  /** Whether the reply is plain text, as ProGet answers some, and not JSON. */
  readonly text: boolean
  /** Whether the answer is a file, not JSON: for a link, not for `call`. */
  readonly bytes: boolean
  readonly maxBodyBytes: number
}

export interface RouteParts<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Reply extends z.ZodType,
> {
  readonly summary: string
  readonly description?: string
  readonly also?: readonly Method[]
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  readonly reply?: Reply
  readonly paged?: boolean
  readonly revalidated?: boolean
  readonly text?: boolean
  readonly maxBodyBytes?: number
}

const nothing = z.strictObject({})
type Nothing = typeof nothing

/** Parts left out accept and return an empty object. */
export function route<
  Params extends z.ZodType = Nothing,
  Query extends z.ZodType = Nothing,
  Body extends z.ZodType = Nothing,
  Reply extends z.ZodType = Nothing,
>(
  method: Method,
  path: string,
  parts: RouteParts<Params, Query, Body, Reply>,
): Route<Params, Query, Body, Reply> {
  return {
    method,
    also: parts.also ?? [],
    path,
    summary: parts.summary,
    description: parts.description ?? '',
    params: parts.params ?? (nothing as unknown as Params),
    query: parts.query ?? (nothing as unknown as Query),
    body: parts.body ?? (nothing as unknown as Body),
    reply: parts.reply ?? (nothing as unknown as Reply),
    paged: parts.paged ?? false,
    revalidated: parts.revalidated ?? false,
    text: parts.text ?? false,
    bytes: false,
    maxBodyBytes: parts.maxBodyBytes ?? 1024 * 1024,
  }
}

/** A GET that answers with a file; `addressOf` makes the link. */
export function bytesRoute<Query extends z.ZodType>(
  path: string,
  parts: Pick<RouteParts<Nothing, Query, Nothing, Nothing>, 'summary' | 'description' | 'query'>,
): Route<Nothing, Query, Nothing, typeof sentBytes> {
  return { ...route('GET', path, parts), reply: sentBytes, bytes: true }
}

/** What such a handler returns: the server's own, sent as it says. */
const sentBytes = z.unknown()

/** The routes of one resource, by name. */
export type RouteTable = Readonly<Record<string, Route>>

/** What a handler is given. */
export interface Input<R extends Route> {
  readonly params: z.output<R['params']>
  readonly query: z.output<R['query']>
  readonly body: z.output<R['body']>
}

/** What a client sends. */
export interface Sent<R extends Route> {
  readonly params: z.input<R['params']>
  readonly query: z.input<R['query']>
  readonly body: z.input<R['body']>
}

/** What a handler returns, before what the schema does not name is dropped. */
export type Returned<R extends Route> = z.input<R['reply']>
/** What a client gets. */
export type Reply<R extends Route> = z.output<R['reply']>
