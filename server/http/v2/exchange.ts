import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../base-url.ts'

/** How long a client may do nothing before it is given up, in milliseconds. */
export interface Patience {
  /** Its body sends nothing; what arrived is kept by who reads it. */
  readonly bodyIdleMs: number
  /** It takes nothing of the reply. */
  readonly replyStalledMs: number
}

/** One request on `/v2/` and its reply, with what was read off the request line. */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** As sent, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly caller: Caller
  readonly patience: Patience
}
