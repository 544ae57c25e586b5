import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../base-url.ts'

/** How long a client may do nothing before it is given up, in milliseconds. */
export interface Patience {
  /** Its body sends nothing; what arrived is kept by who reads it. */
  readonly bodyIdleMs: number
  /** A body that is read whole, a manifest's or a form's, is not here yet. */
  readonly wholeBodyMs: number
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

/** The exchange of a request that has just come. */
export class NewExchange implements Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly path: string
  readonly caller: Caller
  readonly patience: Patience
  readonly #query: string

  constructor({ req, res, caller, patience }: Omit<Exchange, 'path' | 'query'>) {
    const url = req.url ?? '/'
    const mark = url.indexOf('?')
    this.req = req
    this.res = res
    this.path = mark < 0 ? url : url.slice(0, mark)
    this.#query = mark < 0 ? '' : url.slice(mark + 1)
    this.caller = caller
    this.patience = patience
  }

  /** Parsed when it is asked for: most requests have none. */
  get query(): URLSearchParams {
    return new URLSearchParams(this.#query)
  }
}
