import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../base-url.ts'

/** One request on `/v2/` and its reply, with what was read off the request line. */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** As sent, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly caller: Caller
}
